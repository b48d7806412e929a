// Builds the editor of a bank's text from its source: `node editor.mjs FOLDER` writes FOLDER/yaml-editor.js.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

await build({
  entryPoints: [fileURLToPath(new URL("../../survey_service/console/editor/yaml.js", import.meta.url))],
  outfile: resolve(process.argv[2], "yaml-editor.js"),
  nodePaths: [fileURLToPath(new URL("node_modules", import.meta.url))],
  bundle: true,
  format: "esm",
  charset: "utf8",
  minify: true,
  legalComments: "none",
  banner: { js: "/* CodeMirror and Lezer, MIT, copyright Marijn Haverbeke and others: https://codemirror.net/ (see LICENSE-codemirror.txt) */" },
  logLevel: "warning",
});
