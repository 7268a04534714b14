// Grey values through a window: what a radiograph looks like with that centre and width.

/** The 8 bit grey values of an image. */
export function greyOf(image) {
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const grey = new Uint8Array(canvas.width * canvas.height);
  for (let k = 0; k < grey.length; k++) grey[k] = pixels[4 * k];
  return { grey, columns: canvas.width, rows: canvas.height };
}

/** The window that shows all but the darkest and the brightest few pixels. */
export function fittingWindow({ grey }) {
  const counts = new Uint32Array(256);
  for (const value of grey) counts[value]++;
  const at = (share) => {
    let sum = 0;
    return counts.findIndex((count) => (sum += count) >= share * grey.length);
  };
  const low = at(0.005);
  const high = Math.max(low + 1, at(0.997));
  return { centre: Math.round((low + high) / 2), width: high - low };
}

/** 256 brightnesses. */
function table({ centre, width, invert }) {
  const low = centre - width / 2;
  return Uint8ClampedArray.from({ length: 256 }, (_, value) => {
    const shown = (255 * (value - low)) / Math.max(1, width);
    return invert ? 255 - Math.min(255, Math.max(0, shown)) : shown;
  });
}

/** Draw the radiograph through the window into ``canvas``, pixel for pixel. */
export function develop({ grey, columns, rows }, canvas, view) {
  const shown = table(view);
  const words = Uint32Array.from(shown, (value) => (255 << 24) | (value << 16) | (value << 8) | value);
  const image = new ImageData(columns, rows);
  const out = new Uint32Array(image.data.buffer);
  for (let k = 0; k < out.length; k++) out[k] = words[grey[k]];
  canvas.width = columns;
  canvas.height = rows;
  canvas.getContext("2d").putImageData(image, 0, 0);
}
