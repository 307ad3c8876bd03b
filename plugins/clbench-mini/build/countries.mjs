// Print {"de": "germany", ...}: English names of the ISO 3166 regions, lower-cased, from the runtime's CLDR data.
const names = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" });
const regions = {};
for (let first = 97; first < 123; first++) {
  for (let second = 97; second < 123; second++) {
    const code = String.fromCharCode(first, second);
    const name = names.of(code.toUpperCase());
    if (name) regions[code] = name.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/ \(.*\)/, "").replace(/&/g, "and");
  }
}
console.log(JSON.stringify(regions));
