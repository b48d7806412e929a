// Builds the widget from its source: `node widget.mjs FOLDER` writes FOLDER/widget.js, and FOLDER/core.css for pages.
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const source = fileURLToPath(new URL("../../survey_service/embed/widget/index.js", import.meta.url));

// The text loader of esbuild leaves a file as it is, so this plugin minifies the style sheet first.
const styles = {
  name: "styles",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      return { contents: await minified(path), loader: "text" };
    });
  },
};

const minified = async (path, keep) => {
  const { outputFiles } = await build({ entryPoints: [path], bundle: true, minify: true, write: false });
  // The values of custom properties stay as they are written, with spaces that mean nothing here.
  const text = outputFiles[0].text.trim().replace(/([:,]) /g, "$1");
  // Custom properties of our own get names of one letter, unless pages use them too. Those that site owners set begin with --discern- and stay.
  if (keep) return text;
  const names = [...new Set(text.match(/--(?!discern-)[a-z]+(?=:)/g))];
  return names.reduce((css, name, index) => css.replaceAll(new RegExp(`${name}\\b`, "g"), `--${String.fromCharCode(97 + index)}`), text);
};

// No target is set. The source uses only what the browsers of docs/embed.md have, and a target would replace light-dark() in the styles.
await writeFile(resolve(process.argv[2], "core.css"), await minified(fileURLToPath(new URL("../../survey_service/embed/widget/core.css", import.meta.url)), true));
await build({
  entryPoints: [source],
  outfile: resolve(process.argv[2], "widget.js"),
  bundle: true,
  format: "esm",
  charset: "utf8",
  minify: true,
  // Shortens the fields of the widget's own record. No name of the browser, of the service or of the page begins with "_".
  mangleProps: /^_/,
  plugins: [styles],
  logLevel: "warning",
});
