// Builds ../static/inception/editor.js, its licences beside it, and the recorded hash of the built file.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const built = join(here, "../static/inception/editor.js");

const result = await build({
  absWorkingDir: here,
  entryPoints: ["editor.js"],
  outfile: built,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2021",
  metafile: true,
  legalComments: "none",
  banner: { js: "/* CodeMirror 6 and its parts, MIT licence: see editor.licenses.txt. Built from inception_site/editor. */" },
});

const packages = new Set(
  Object.keys(result.metafile.inputs)
    .map((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1])
    .filter(Boolean),
);
const licences = [...packages].sort().map((name) => {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  if (license !== "MIT") throw new Error(`${name} is under ${license}; only MIT has been agreed to.`);
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file || !existsSync(join(folder, file))) throw new Error(`${name} has no licence file to hand on.`);
  return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
});
writeFileSync(join(here, "../static/inception/editor.licenses.txt"), licences.join(`\n${"-".repeat(72)}\n\n`));

const hash = createHash("sha256").update(readFileSync(built)).digest("hex");
writeFileSync(join(here, "editor.js.sha256"), `${hash}  editor.js\n`);
console.log(`${packages.size} packages, sha256 ${hash}`);
