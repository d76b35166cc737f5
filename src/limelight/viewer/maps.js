// Raw maps in the browser: normalized, resized, coloured and boxed as the library does it.
//
// Arrays of a map are flat, row by row; a box is [x0, y0, x1, y1], half-open, in original pixels;
// sizes are [height, width]. A frame is `limelight.Frame` as JSON: {matrix, input_size,
// original_size}.
"use strict";

globalThis.limelight = (() => {
  const SMALLEST = 1.2e-38; // as in localization/normalization.py

  // Base64 of bytes as Uint8Array.
  function bytes(base64) {
    const text = atob(base64);
    const found = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) found[i] = text.charCodeAt(i);
    return found;
  }

  // Base64 of little-endian float32 as Float32Array.
  function floats(base64) {
    const view = new DataView(bytes(base64).buffer);
    const found = new Float32Array(view.byteLength / 4);
    for (let i = 0; i < found.length; i++) found[i] = view.getFloat32(4 * i, true);
    return found;
  }

  // ReLU, divided by the maximum; zeros where nothing is positive or a value is not finite.
  function normalize(values) {
    const found = new Float32Array(values.length);
    let top = 0;
    for (const value of values) {
      if (!Number.isFinite(value)) return found;
      if (value > top) top = value;
    }
    if (top <= SMALLEST) return found;
    for (let i = 0; i < values.length; i++) found[i] = values[i] > 0 ? values[i] / top : 0;
    return found;
  }

  // Between which two of `cells` equal cells each position (a fraction of the extent) lies.
  function bilinear(positions, cells) {
    const low = new Int32Array(positions.length);
    const high = new Int32Array(positions.length);
    const weight = new Float32Array(positions.length);
    const seen = new Uint8Array(positions.length);
    positions.forEach((position, i) => {
      const at = Math.min(Math.max(position * cells - 0.5, 0), cells - 1);
      low[i] = Math.min(Math.floor(at), Math.max(cells - 2, 0));
      high[i] = Math.min(low[i] + 1, cells - 1);
      weight[i] = at - low[i];
      seen[i] = position >= -1e-9 && position <= 1 + 1e-9 ? 1 : 0;
    });
    return { low, high, weight, seen };
  }

  // How rows and columns of the original image, drawn at `size`, read a map on `grid`.
  function resampling(frame, grid, size) {
    const [[a, b, c], [d, e, f]] = frame.matrix;
    const det = a * e - b * d;
    const inverse = [[e / det, -b / det, (b * f - e * c) / det], [-d / det, a / det, (d * c - a * f) / det]];
    const [[p, q, r], [s, t, u]] = inverse;
    const [inH, inW] = frame.input_size;
    const [fullH, fullW] = frame.original_size;
    const [h, w] = size;
    const ys = Array.from({ length: h }, (_, i) => ((i + 0.5) * fullH) / h);
    const xs = Array.from({ length: w }, (_, i) => ((i + 0.5) * fullW) / w);
    if (p === 0 && t === 0) { // a quarter turn: input x runs along original y
      return {
        swapped: true,
        rows: bilinear(ys.map((y) => (q * y + r) / inW), grid[1]),
        columns: bilinear(xs.map((x) => (s * x + u) / inH), grid[0]),
      };
    }
    return {
      swapped: false,
      rows: bilinear(ys.map((y) => (t * y + u) / inH), grid[0]),
      columns: bilinear(xs.map((x) => (p * x + r) / inW), grid[1]),
    };
  }

  // Every row of cells along x, of `w` pixels: few cells are read often.
  function widened(values, grid, { columns, swapped }, w) {
    const cellsDown = swapped ? grid[1] : grid[0];
    const at = swapped ? (row, column) => values[column * grid[1] + row]
      : (row, column) => values[row * grid[1] + column];
    const wide = new Float32Array(cellsDown * w);
    for (let row = 0; row < cellsDown; row++) {
      for (let x = 0; x < w; x++) {
        const part = columns.weight[x];
        const value = at(row, columns.low[x]) * (1 - part) + at(row, columns.high[x]) * part;
        wide[row * w + x] = columns.seen[x] ? value : 0;
      }
    }
    return wide;
  }

  // A map on `grid` at `size` pixels of the original image, half-pixel bilinear; 0 where not seen.
  function resize(values, grid, frame, size = frame.original_size) {
    const [h, w] = size;
    const resampled = resampling(frame, grid, size);
    const { rows } = resampled;
    const wide = widened(values, grid, resampled, w);
    const found = new Float32Array(h * w);
    for (let y = 0; y < h; y++) {
      if (!rows.seen[y]) continue;
      const part = rows.weight[y];
      const top = rows.low[y] * w;
      const bottom = rows.high[y] * w;
      for (let x = 0; x < w; x++) {
        found[y * w + x] = wide[top + x] * (1 - part) + wide[bottom + x] * part;
      }
    }
    return found;
  }

  // Which pixels at `size` lie inside of the model's input.
  function seen(frame, size = frame.original_size) {
    const { rows, columns } = resampling(frame, [1, 1], size);
    return { rows: rows.seen, columns: columns.seen };
  }

  // Where positions keep reading between the same two cells: [first, last] of each such stretch.
  function stretches({ low, seen }) {
    const found = [];
    for (let i = 0; i < low.length; i++) {
      if (i && low[i] === low[i - 1] && seen[i] === seen[i - 1]) found[found.length - 1][1] = i;
      else found.push([i, i]);
    }
    return found;
  }

  // The last of `first` to `last` for which `holds` is what it is for the first; it changes once.
  function lastAlike(first, last, holds) {
    const wanted = holds(first);
    while (first < last) {
      const middle = (first + last + 1) >> 1;
      if (holds(middle) === wanted) first = middle;
      else last = middle - 1;
    }
    return first;
  }

  // threshold → the box of the largest 8-connected component of what exceeds threshold · maximum,
  // in the pixels of the original image, whatever their number; null where nothing does.
  //
  // Between two cells a map rises or falls along a row, so that each stretch has one edge at most,
  // which is sought by halves; no map of the image's size is made.
  function boxes(values, grid, frame) {
    const [h, w] = frame.original_size;
    const resampled = resampling(frame, grid, [h, w]);
    const { rows } = resampled;
    const wide = widened(values, grid, resampled, w);
    const at = (y, x) => {
      const part = rows.weight[y];
      return Math.fround(wide[rows.low[y] * w + x] * (1 - part) + wide[rows.high[y] * w + x] * part);
    };
    const across = stretches(resampled.columns);
    let top = 0;
    for (const y of stretches(rows).flat()) {
      if (rows.seen[y]) for (const x of across.flat()) top = Math.max(top, at(y, x));
    }
    return (threshold) => {
      if (top <= 0) return null;
      const cut = threshold * top;
      return largestComponent(w, h, (y, add) => {
        if (!rows.seen[y]) return;
        const above = (x) => at(y, x) > cut;
        for (const [first, last] of across) {
          const edge = lastAlike(first, last, above);
          if (above(first)) add(first, edge + 1);
          else if (edge < last) add(edge + 1, last + 1);
        }
      });
    };
  }

  // The box of the component of the most pixels; `runs(y, add)` calls add(start, stop) for the
  // runs of the row y, from left to right, where one may begin at the end of another.
  function largestComponent(w, h, runs) {
    const starts = [], stops = [], lines = [], parent = [];
    const root = (i) => {
      while (parent[i] !== i) i = parent[i] = parent[parent[i]];
      return i;
    };
    let above = 0; // the first run of the row above
    for (let y = 0; y < h; y++) {
      const first = starts.length;
      runs(y, (start, stop) => {
        const last = starts.length - 1;
        if (last >= first && stops[last] === start) {
          stops[last] = stop;
          return;
        }
        parent.push(starts.length);
        starts.push(start);
        stops.push(stop);
        lines.push(y);
      });
      let other = above;
      for (let run = first; run < starts.length; run++) {
        while (other < first && stops[other] < starts[run]) other++;
        for (let each = other; each < first && starts[each] <= stops[run]; each++) {
          const [one, two] = [root(each), root(run)];
          parent[Math.max(one, two)] = Math.min(one, two);
        }
      }
      above = first;
    }
    const found = new Map();
    starts.forEach((start, run) => {
      const key = root(run);
      const known = found.get(key) ?? { pixels: 0, box: [w, h, 0, 0] };
      known.pixels += stops[run] - start;
      const [x0, y0, x1, y1] = known.box;
      known.box = [
        Math.min(x0, start), Math.min(y0, lines[run]),
        Math.max(x1, stops[run]), Math.max(y1, lines[run] + 1),
      ];
      found.set(key, known);
    });
    let best = null;
    for (const each of found.values()) if (best === null || each.pixels > best.pixels) best = each;
    return best && best.box;
  }

  // Intersection over union of two boxes; 0 where one is null.
  function iou(one, two) {
    if (!one || !two) return 0;
    const width = Math.min(one[2], two[2]) - Math.max(one[0], two[0]);
    const height = Math.min(one[3], two[3]) - Math.max(one[1], two[1]);
    const both = Math.max(width, 0) * Math.max(height, 0);
    const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
    const union = area(one) + area(two) - both;
    return union > 0 ? both / union : 0;
  }

  // Paint values 0..1 in the colours of `table` (768 bytes: 256 × red, green, blue) on a canvas
  // that is given `size`; clear where the model has not seen the image.
  function paint(canvas, values, size, table, frame) {
    const [h, w] = size;
    canvas.width = w;
    canvas.height = h;
    const context = canvas.getContext("2d");
    const picture = context.createImageData(w, h);
    const inside = seen(frame, size);
    const count = table.length / 3;
    const opaque = new Uint8ClampedArray(4 * count).fill(255);
    for (let i = 0; i < table.length; i++) opaque[i + Math.floor(i / 3)] = table[i];
    const colors = new Uint32Array(opaque.buffer);
    const pixels = new Uint32Array(picture.data.buffer); // four bytes at once
    for (let y = 0; y < h; y++) {
      if (!inside.rows[y]) continue;
      for (let x = 0, i = y * w; x < w; x++, i++) {
        if (inside.columns[x]) pixels[i] = colors[Math.min(Math.floor(values[i] * count), count - 1)];
      }
    }
    context.putImageData(picture, 0, 0);
  }

  return { bytes, floats, normalize, resize, seen, boxes, iou, paint };
})();
