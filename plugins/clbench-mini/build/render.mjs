// Render icons of one Iconify set to raw RGBA squares on standard output.
//
// usage: node render.mjs SET.json NAMES.json SIZE FIRST
// For each name from index FIRST on: int32 index (little endian), then SIZE*SIZE*4 bytes.
// Writes are synchronous on purpose: the renderer may abort the whole process (a Rust panic, not an
// exception), and what was rendered before must have reached the parent by then.
import { readFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const { Resvg } = require("@resvg/resvg-js");

const [setPath, namesPath, sizeText, firstText] = process.argv.slice(2);
const size = Number(sizeText);
const set = JSON.parse(readFileSync(setPath, "utf8"));
const names = JSON.parse(readFileSync(namesPath, "utf8"));

function writeAll(buffer) {
  let done = 0;
  while (done < buffer.length) {
    try {
      done += writeSync(1, buffer, done);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // the pipe is full: the parent is still reading
    }
  }
}

for (let index = Number(firstText); index < names.length; index++) {
  const icon = set.icons[names[index]];
  const [width, height] = [icon.width ?? set.width ?? 16, icon.height ?? set.height ?? 16];
  const [left, top] = [icon.left ?? set.left ?? 0, icon.top ?? set.top ?? 0];
  const body = icon.body.replaceAll("currentColor", "#000");
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${size}" height="${size}" ` +
    `viewBox="${left} ${top} ${width} ${height}" preserveAspectRatio="xMidYMid meet">${body}</svg>`;
  let pixels;
  try {
    pixels = new Resvg(svg, { font: { loadSystemFonts: false } }).render().pixels;
  } catch {
    continue; // not valid SVG: left out, as a blank icon is
  }
  if (pixels.length !== size * size * 4) continue;
  const head = Buffer.alloc(4);
  head.writeInt32LE(index);
  writeAll(Buffer.concat([head, pixels]));
}
