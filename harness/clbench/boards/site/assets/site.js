// Sorting, filters, charts and matrices of the pages. Without it they are complete, but still.
(function () {
  "use strict";
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const tables = new Map(); // html table → DataTable
  const charts = []; // what is drawn, and how to draw it again
  // On a tie the even digit, as in the tables: toFixed takes the larger one, and 39.25 % would be 39.3 here alone.
  const fixed = (x, digits) => {
    const unit = 10 ** digits;
    const below = Math.floor(x * unit);
    const tie = Number.isInteger(x * 2 ** (digits + 1)) && x * unit - below === 0.5;
    return (tie ? (below + Math.abs(below % 2)) / unit : x).toFixed(digits);
  };
  const signed = (x, digits) => {
    const text = fixed(x, digits);
    return Number(text) === 0 ? text.replace("-", "") : (x > 0 ? "+" : "") + text.replace("-", "−");
  };

  // ---- tables: sorting by DataTables; filters of rows through its search interface
  function makeTable(table) {
    const heads = all("thead th", table);
    const numeric = heads.map((th, i) => (th.classList.contains("num") ? i : -1)).filter((i) => i >= 0);
    const first = table.dataset.sort;
    const made = new DataTable(table, {
      paging: false,
      info: false,
      autoWidth: false,
      order: first === undefined ? [] : [[Number(first), "desc"]],
      columnDefs: [{ targets: numeric, orderSequence: ["desc", "asc"] }],
      layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
      language: { emptyTable: "no rows", zeroRecords: "no row passes the filters" },
    });
    // DataTables hears Enter; a button is expected to hear the space bar, too.
    table.tHead.addEventListener("keydown", (event) => {
      if (event.key === " " && event.target.matches("[role=button]")) {
        event.preventDefault();
        event.target.click();
      }
    });
    tables.set(table, made);
  }

  // The best and the second best of the rows that are shown; figures that print alike share a mark.
  function mark(table) {
    const rows = all("tbody tr.ranked.finished", table);
    all("thead th", table).forEach((th, column) => {
      if (!th.dataset.better) return;
      const cells = rows.map((row) => row.cells[column]);
      const values = cells.map((cell) => Math.round(Number(cell.dataset.order) * 100) / 100);
      const known = values.filter((v) => v > -1000);
      const ranking = Array.from(new Set(known)).sort((a, b) => (th.dataset.better === "high" ? b - a : a - b));
      cells.forEach((cell, i) => {
        cell.classList.toggle("best", known.length > 1 && values[i] === ranking[0]);
        cell.classList.toggle("second", known.length > 1 && ranking.length > 1 && values[i] === ranking[1]);
      });
    });
  }

  // ---- filters
  function setUpFilters(form) {
    form.hidden = false;
    form.querySelector("[data-fields]").open = window.matchMedia("(min-width: 40rem)").matches || location.hash.includes("=");
    const sections = all("section.table");
    const noun = form.dataset.noun;
    const wanted = { rows: {}, tables: {}, text: "" };
    const passes = (row) =>
      Object.entries(wanted.rows).every(([key, value]) => row.dataset[key] === value) &&
      row.cells[0].textContent.toLowerCase().includes(wanted.text);
    sections.forEach((section) =>
      all("table[data-sortable]", section).forEach((table) =>
        tables.get(table).search.fixed("filters", (_text, _data, index) => passes(tables.get(table).row(index).node()))
      )
    );

    function apply() {
      wanted.rows = {};
      wanted.tables = {};
      wanted.text = form.elements.q.value.trim().toLowerCase();
      all("select", form).forEach((s) => {
        if (s.value) wanted[s.dataset.of][s.name] = s.value;
      });
      let shown = 0;
      let rows = 0;
      sections.forEach((section) => {
        const visible = Object.entries(wanted.tables).every(([key, value]) => section.dataset[key] === value);
        section.hidden = !visible;
        shown += visible;
        all("table[data-sortable]", section).forEach((table) => {
          tables.get(table).draw();
          if (table.classList.contains("board")) mark(table);
          if (visible) rows += tables.get(table).rows({ search: "applied" }).count();
        });
      });
      charts.forEach((chart) => chart.redraw());
      form.querySelector("output").textContent =
        `${rows} ${rows === 1 ? "row" : "rows"} on ${shown} ${shown === 1 ? noun : noun + "s"}`;
      remember(form);
    }
    recall(form);
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    apply();
  }

  // The address keeps the filters, so that what is shown can be sent to others.
  function remember(form) {
    const chosen = new URLSearchParams();
    all("select, input", form).forEach((field) => {
      if (field.value) chosen.set(field.name, field.value);
    });
    const text = chosen.toString();
    if (text === "" && !location.hash.includes("=")) return;
    try {
      history.replaceState(null, "", text ? "#" + text : location.pathname);
    } catch {
      // Some browsers refuse it for pages that are files.
    }
  }

  function recall(form) {
    if (!location.hash.includes("=")) return;
    new URLSearchParams(location.hash.slice(1)).forEach((value, name) => {
      const field = form.elements[name];
      if (field && (field.tagName !== "SELECT" || all("option", field).some((o) => o.value === value))) {
        field.value = value;
      }
    });
  }

  // ---- charts
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

  function coloured(value) {
    if (Array.isArray(value)) return value.map(coloured);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, coloured(inner)]));
    }
    return ["accent", "muted", "strong"].includes(value) ? style(value) : value;
  }

  function config() {
    const font = getComputedStyle(document.body).fontFamily;
    const axis = {
      labelColor: style("muted"), titleColor: style("text"), gridColor: style("grid"), domainColor: style("strong-line"),
      tickColor: style("strong-line"), labelFont: font, titleFont: font, labelFontSize: 11, titleFontSize: 12, titleFontWeight: 500,
    };
    return {
      background: "transparent", font: font, axis: axis, view: { stroke: style("line") },
      header: { labelColor: style("text"), labelFont: font, labelFontSize: 11, labelFontWeight: 600, labelAnchor: "start" },
    };
  }

  // Labels beside the points where there is room: Vega places them, Vega-Lite cannot ask for it.
  function withLabels(vega) {
    const points = "points_marks";
    vega.marks.push({
      type: "text",
      from: { data: points },
      encode: { enter: { text: { field: "datum.method" }, fill: { value: style("text") }, fontSize: { value: 11 } } },
      interactive: false,
      aria: false,
      transform: [
        {
          type: "label", size: { signal: "[width + 40, height]" }, avoidBaseMark: true, offset: [2, 3, 6],
          anchor: ["right", "left", "top", "bottom", "top-right", "bottom-right", "top-left", "bottom-left"],
        },
      ],
    });
    return vega;
  }

  function scatterSpec(figure, content) {
    const spec = coloured(window.clbenchCharts.scatter);
    const shown = shownRows(figure);
    const chosen = ["x", "y"].map((name) => figure.querySelector(`[data-axis=${name}]`).selectedOptions[0]);
    const rows = content
      .filter((row) => !shown || shown.has(row.row))
      .filter((row) => chosen.every((option) => option.value in row.measures))
      .map(({ measures, ...row }) => {
        chosen.forEach((option, i) => {
          const [value, low, high] = measures[option.value];
          const name = "xy"[i];
          Object.assign(row, { [name]: value, [name + "_low"]: low ?? value, [name + "_high"]: high ?? value });
        });
        return row;
      });
    const logs = chosen.map((option) => "log" in option.dataset && rows.every((row) => row["xy"[chosen.indexOf(option)]] > 0));
    for (const layer of spec.layer) {
      chosen.forEach((option, i) => {
        const channel = layer.encoding["xy"[i]];
        channel.title = option.textContent + (option.dataset.log === undefined ? ", %" : "");
        channel.scale = logs[i] ? { type: "log", nice: true } : { zero: false, nice: true, padding: 10 };
        channel.axis = logs[i] ? { format: "~s", grid: true } : { grid: true };
      });
      if (layer.encoding.tooltip) {
        layer.encoding.tooltip = layer.encoding.tooltip.filter((t) => rows.some((row) => t.field in row));
      }
    }
    return { spec: { ...spec, data: { name: "rows", values: rows }, padding: { left: 4, right: 40, top: 4, bottom: 4 } }, patch: withLabels };
  }

  function shownRows(figure) {
    const table = figure.closest("section, main").querySelector("table.board");
    if (!table || !tables.has(table)) return null;
    const nodes = tables.get(table).rows({ search: "applied" }).nodes().toArray();
    return new Set(nodes.map((row) => Number(row.dataset.row)));
  }

  // A point for each task and step of each run; step 0 is zero-shot.
  function coursePoints({ tasks, runs }) {
    const points = [];
    for (const { who, zero, rows } of runs) {
      [zero, ...rows].forEach((row, step) => {
        const after = step === 0 ? "nothing (zero-shot)" : tasks[step - 1];
        row.forEach((value, position) => {
          if (value === null) return;
          const learned = step - 1 - position;
          const state = step === 0 ? "zero-shot" : learned < 0 ? "not learned yet" : learned > 0 ? "learned" : "just learned";
          const task = tasks[position];
          const description = `${task} after ${after}: ${fixed(value, 1)} %`;
          points.push({ task, position, step, after, value, state, who, description });
        });
      });
    }
    return points;
  }

  function courseSpec(figure, content) {
    const spec = coloured(window.clbenchCharts.course);
    const width = figure.clientWidth;
    spec.columns = Math.max(2, Math.min(5, Math.floor(width / 200)));
    spec.spec.width = Math.floor(Math.min(190, (width - 20) / spec.columns - 52));
    return { spec: { ...spec, data: { name: "rows", values: coursePoints(content) }, padding: 2 } };
  }

  const kinds = { scatter: scatterSpec, course: courseSpec };

  function setUpChart(figure) {
    const plot = figure.querySelector(".plot");
    const content = JSON.parse(document.getElementById(figure.dataset.source).textContent);
    const chart = {
      drawn: false,
      width: 0,
      async draw() {
        chart.drawn = true;
        chart.width = figure.clientWidth;
        const { spec, patch } = kinds[figure.dataset.chart](figure, content);
        if (spec.data.values.length === 0) {
          if (chart.finalize) chart.finalize();
          chart.finalize = null;
          plot.textContent = "No row to draw.";
          return;
        }
        const options = { actions: false, renderer: "svg", config: config(), tooltip: { theme: "custom" }, patch: patch };
        const result = await window.vegaEmbed(plot, spec, options);
        if (chart.finalize) chart.finalize();
        chart.finalize = result.finalize;
        linkRows(figure, result.view);
        figure.dataset.drawn = "";
      },
      redraw() {
        if (chart.drawn && figure.clientWidth) chart.draw();
      },
    };
    charts.push(chart);
    all("[data-axis]", figure).forEach((select) => select.addEventListener("change", () => chart.redraw()));
    new IntersectionObserver((entries, observer) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        observer.disconnect();
        chart.draw();
      }
    }, { rootMargin: "300px" }).observe(figure);
    new ResizeObserver(() => {
      if (figure.dataset.chart === "course" && chart.drawn && Math.abs(chart.width - figure.clientWidth) > 20) chart.draw();
    }).observe(figure);
  }

  // A point and its row light up together.
  function linkRows(figure, view) {
    if (figure.dataset.chart !== "scatter") return;
    const table = figure.closest("section, main").querySelector("table.board");
    const light = (item, on) => {
      const number = item && item.datum && item.datum.row;
      if (number === undefined || !table) return;
      const row = table.querySelector(`tbody tr[data-row="${number}"]`);
      if (row) row.classList.toggle("lit", on);
    };
    view.addEventListener("mouseover", (_event, item) => light(item, true));
    view.addEventListener("mouseout", (_event, item) => light(item, false));
  }

  // ---- matrices: label space, change against another row, and the cell under pointer or focus in words
  function setUpMatrices(box) {
    const controls = box.querySelector(".controls");
    const space = controls.querySelector("[data-space]");
    const mode = controls.querySelector("[data-mode]");
    const readout = box.querySelector(".readout");
    controls.hidden = false;
    all("[data-matrix] h3", box).forEach((title) => (title.hidden = true));
    const value = (cell) => (cell && cell.dataset.v !== undefined ? Number(cell.dataset.v) : null);

    function reference(table, row, column) {
      const rows = table.tBodies[0].rows;
      if (mode.value === "zero") return value(all(".zero", table)[column - 1]);
      const learned = Array.from(rows, (r) => r.cells[column]).find((cell) => cell.classList.contains("now"));
      return row.cells[column].classList.contains("after") || row.cells[column] === learned ? value(learned) : null;
    }

    function show() {
      box.classList.toggle("changing", mode.value !== "accuracy");
      all("[data-matrix]", box).forEach((each) => (each.hidden = each.dataset.matrix !== space.value));
      all(".heat", box).forEach((table) => {
        table.classList.toggle("change", mode.value !== "accuracy");
        for (const row of table.tBodies[0].rows) {
          for (const cell of Array.from(row.cells).slice(1)) {
            const accuracy = value(cell);
            cell.classList.remove("up", "down");
            if (accuracy === null) continue;
            if (mode.value === "accuracy") {
              cell.textContent = fixed(accuracy, 1);
              cell.style.setProperty("--v", String(Math.round(accuracy)));
              continue;
            }
            const other = reference(table, row, cell.cellIndex);
            const change = other === null ? null : accuracy - other;
            cell.textContent = change === null ? "" : signed(change, 1);
            cell.style.setProperty("--v", change === null ? "0" : String(Math.min(100, Math.round(Math.abs(change) * 2.5))));
            if (change) cell.classList.add(change > 0 ? "up" : "down");
          }
        }
      });
    }

    function tell(cell) {
      const table = cell.closest("table");
      const column = cell.cellIndex;
      const task = table.tHead.rows[0].cells[column].textContent;
      const accuracy = value(cell);
      if (accuracy === null) return;
      const zero = value(all(".zero", table)[column - 1]);
      const rows = Array.from(table.tBodies[0].rows);
      const learned = rows.map((r) => r.cells[column]).find((c) => c.classList.contains("now"));
      const parts = [`${task}, ${cell.parentNode.cells[0].textContent}: ${fixed(accuracy, 2)} %`];
      if (!cell.classList.contains("zero") && zero !== null) parts.push(`${signed(accuracy - zero, 2)} to zero-shot`);
      if (cell.classList.contains("before")) parts.push("not learned yet");
      if (cell.classList.contains("now")) parts.push("just learned");
      if (cell.classList.contains("after")) parts.push(`${signed(accuracy - value(learned), 2)} since it was learned`);
      readout.textContent = parts.join(", ");
    }

    all(".heat", box).forEach((table) => {
      const cells = (row) => Array.from(row.cells).slice(1);
      const rows = Array.from(table.tBodies[0].rows);
      all("tbody td", table).forEach((cell) => (cell.tabIndex = -1));
      const first = table.querySelector("tbody td");
      if (first) first.tabIndex = 0;
      table.addEventListener("mouseover", (event) => event.target.matches("tbody td") && tell(event.target));
      table.addEventListener("focusin", (event) => {
        if (!event.target.matches("tbody td")) return;
        all("tbody td[tabindex='0']", table).forEach((cell) => (cell.tabIndex = -1));
        event.target.tabIndex = 0;
        tell(event.target);
      });
      table.addEventListener("keydown", (event) => {
        const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
        if (!step || !event.target.matches("tbody td")) return;
        const i = rows.indexOf(event.target.parentNode) + step[0];
        const j = event.target.cellIndex - 1 + step[1];
        const next = rows[i] && cells(rows[i])[j];
        if (next) {
          event.preventDefault();
          next.focus();
        }
      });
    });
    space.addEventListener("change", show);
    mode.addEventListener("change", show);
    show();
  }

  // ---- commands
  function setUpCopy(button) {
    if (!navigator.clipboard) return; // pages that are files may have none
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.parentNode.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
  }

  all("table[data-sortable]").forEach(makeTable);
  all("form[data-filters]").forEach(setUpFilters);
  if (window.vegaEmbed) all("figure[data-chart]").forEach(setUpChart);
  all("[data-matrices]").forEach(setUpMatrices);
  all("[data-copy]").forEach(setUpCopy);
  dark.addEventListener("change", () => charts.forEach((chart) => chart.redraw()));
  window.addEventListener("beforeprint", () => all("details").forEach((each) => (each.open = true)));
  document.documentElement.dataset.ready = "";
})();
