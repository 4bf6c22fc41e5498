/* The interactive part of a report: unpacks the cell tables and the plotting library, and draws the chosen heatmap. */
"use strict";

async function unpack(id) {
  const packed = atob(document.getElementById(id).textContent.trim());
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/* A menu; its value is the position of the chosen name. */
function menu(id, names, chosen, changed) {
  const select = element("select", { id });
  names.forEach((name, at) => {
    select.append(element("option", { value: at, textContent: name, selected: at === chosen }));
  });
  select.addEventListener("change", changed);
  return select;
}

class Explorer {
  constructor(shape, values) {
    this.shape = shape;
    this.axes = shape.axes;
    this.cells = this.axes.reduce((size, axis) => size * axis.values.length, 1);
    this.values = values;
    this.at = this.axes.map(() => 0);
    this.build();
    this.draw();
  }

  /* The two longest axes first: the ones that are most worth seeing. */
  longest() {
    const order = this.axes.map((_, at) => at);
    const weight = (at) => this.axes[at].values.length + (this.axes[at].name === "batch" ? 0.5 : 0);
    return order.sort((one, two) => weight(two) - weight(one));
  }

  build() {
    const names = this.axes.map((axis) => axis.title);
    const [x, y] = this.longest();
    const redraw = () => this.draw();
    const controls = document.getElementById("controls");
    const labels = this.shape.measures.map((measure) => `${measure.name}: ${measure.label}`);
    const horizontal = this.axes[x].name === "batch" || this.axes[y].name !== "batch" ? [x, y] : [y, x];
    const first = this.shape.measures.findIndex((measure) => measure.name === "max_share");
    this.measure = menu("measure", labels, Math.max(0, first), redraw);
    this.x = menu("x-axis", names, horizontal[0], redraw);
    this.y = menu("y-axis", names, horizontal[1], redraw);
    this.log = element("input", { type: "checkbox", id: "log" });
    this.log.addEventListener("change", redraw);
    controls.append(
      element("label", {}, "measure ", this.measure), element("label", {}, "across ", this.x),
      element("label", {}, "up ", this.y), element("label", {}, this.log, " logarithmic colours"),
      element("span", { id: "others" }));
  }

  /* A menu, or a slider where there are many values, for each axis that is not drawn. */
  others(x, y) {
    const place = document.getElementById("others");
    const wanted = this.axes.map((_, at) => at).filter((at) => at !== x && at !== y && this.axes[at].values.length > 1);
    if (place.dataset.axes === String(wanted)) return;
    place.dataset.axes = String(wanted);
    place.replaceChildren(...wanted.map((at) => this.other(at)));
  }

  other(at) {
    const axis = this.axes[at];
    if (axis.values.length <= 12) {
      const select = menu(`at-${axis.name}`, axis.values, this.at[at], () => {
        this.at[at] = Number(select.value);
        this.draw();
      });
      return element("label", {}, `${axis.title} `, select);
    }
    const shown = element("output", { textContent: axis.values[this.at[at]] });
    const slider = element("input", { type: "range", id: `at-${axis.name}`, min: 0, max: axis.values.length - 1,
                                      value: this.at[at] });
    slider.addEventListener("input", () => {
      this.at[at] = Number(slider.value);
      shown.textContent = axis.values[this.at[at]];
      this.draw();
    });
    return element("label", {}, `${axis.title} `, slider, " ", shown);
  }

  /* Offset of a cell in a table: C order, the last axis fastest. */
  offset(at) {
    return this.axes.reduce((sum, axis, place) => sum * axis.values.length + at[place], 0);
  }

  table(measure, x, y) {
    const at = this.at.slice();
    const begin = measure * this.cells;
    return this.axes[y].values.map((_, row) => this.axes[x].values.map((__, column) => {
      at[x] = column;
      at[y] = row;
      const value = this.values[begin + this.offset(at)];
      return Number.isFinite(value) ? value : null;
    }));
  }

  draw() {
    const measure = Number(this.measure.value);
    const x = Number(this.x.value);
    let y = Number(this.y.value);
    if (x === y) {
      y = this.longest().find((at) => at !== x);
      this.y.value = y;
    }
    this.others(x, y);
    const table = this.table(measure, x, y);
    const logarithm = (value) => (value > 0 ? Math.log10(value) : null);
    const colours = this.log.checked ? table.map((row) => row.map(logarithm)) : table;
    const text = table.map((row) => row.map((value) => (value === null ? "none" : value.toPrecision(6))));
    const { name, label } = this.shape.measures[measure];
    const trace = {
      type: "heatmap", z: colours, x: this.axes[x].values, y: this.axes[y].values, text, colorscale: "Cividis",
      hovertemplate: `${this.axes[x].title} %{x}<br>${this.axes[y].title} %{y}<br>%{text}<extra></extra>`,
      colorbar: { title: { text: this.log.checked ? `log10 ${name}` : name, side: "right" } },
    };
    const layout = {
      title: { text: `${label}<br><sub>${this.where(x, y)}</sub>`, font: { size: 15 } },
      xaxis: { title: { text: this.axes[x].title }, type: "category", automargin: true },
      yaxis: { title: { text: this.axes[y].title }, type: "category", automargin: true },
      margin: { t: 70, l: 60, r: 20, b: 50 }, plot_bgcolor: "#bbbbbb", font: { size: 13 },
    };
    return Plotly.react("heatmap", [trace], layout, { responsive: true, displaylogo: false });
  }

  where(x, y) {
    return this.axes.map((axis, at) => [axis, at]).filter(([, at]) => at !== x && at !== y)
      .map(([axis, at]) => `${axis.title} ${axis.values[this.at[at]]}`).join(", ");
  }
}

async function start() {
  const shape = JSON.parse(document.getElementById("shape").textContent);
  const [library, values] = await Promise.all([unpack("plotly"), unpack("values")]);
  document.head.append(element("script", { textContent: new TextDecoder().decode(library) }));
  window.explorer = new Explorer(shape, new Float32Array(values));
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details:not(.screen)").forEach((details) => { details.open = true; });
    Plotly.Plots.resize("heatmap");
  });
  document.getElementById("explorer").dataset.ready = "yes";
}

start().catch((error) => {
  document.getElementById("heatmap").textContent = `The interactive part needs a browser of 2023 or later (${error}).`;
});
