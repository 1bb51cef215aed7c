// Makes what the service takes from npm, into the folder that is named: `node make.mjs FOLDER`.
// Files that browsers ask for carry a hash in their name, so that they may be kept for ever;
// `assets.json` says which name has become which file.

import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";

import { build } from "esbuild";

import { world } from "./world.mjs";

const out = process.argv[2];
const served = {};
mkdirSync(out, { recursive: true });

function serve(name, content) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 12);
  const ending = extname(name);
  const file = `${name.slice(0, -ending.length)}-${hash}${ending}`;
  writeFileSync(join(out, file), content);
  served[name] = file;
  return file;
}

const require = createRequire(import.meta.url);
const folder = (name) => {
  for (const place of require.resolve.paths(name)) {
    if (existsSync(join(place, name, "package.json"))) return join(place, name);
  }
  throw new Error(`${name} is not installed`);
};

const { outputFiles, warnings } = await build({
  entryPoints: [join(import.meta.dirname, "sparql.js")],
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none", // THIRD-PARTY.txt has them whole
  write: false,
});
if (warnings.length) throw new Error(`the editor cannot be bundled: ${warnings[0].text}`);
serve("sparql.js", outputFiles[0].contents);

writeFileSync(join(out, "world.json"), JSON.stringify(world()));

for (const [name, file] of [
  ["@expo-google-fonts/noto-sans", "400Regular/NotoSans_400Regular.ttf"],
  ["@expo-google-fonts/noto-sans", "600SemiBold/NotoSans_600SemiBold.ttf"],
  ["@expo-google-fonts/source-serif-4", "600SemiBold/SourceSerif4_600SemiBold.ttf"],
])
  copyFileSync(join(folder(name), file), join(out, file.split("/")[1]));

const serif = folder("@fontsource-variable/source-serif-4");
const sheet = readFileSync(join(serif, "wght.css"), "utf8");
const faces = (sheet.match(/@font-face\s*\{[^}]*\}/g) ?? []).filter((face) =>
  /-(latin|latin-ext|cyrillic|cyrillic-ext)-wght-normal\.woff2/.test(face),
);
const fonts = faces.map((face) =>
  face
    .replace(/url\(\.\/files\/([\w-]+\.woff2)\)/, (_, file) => `url(${serve(file, readFileSync(join(serif, "files", file)))})`)
    .replace(/font-family:[^;]*;/, 'font-family: "Source Serif 4";'),
);
serve("fonts.css", `${fonts.join("\n")}\n`);

// What is in the bundle comes from these packages; their licences go with them.
const notices = [];
const modules = dirname(folder("esbuild"));
for (const entry of readdirSync(modules).toSorted()) {
  if (entry.startsWith(".")) continue;
  const names = entry.startsWith("@") ? readdirSync(join(modules, entry)).toSorted().map((each) => `${entry}/${each}`) : [entry];
  for (const name of names) {
    if (name === "esbuild" || name.startsWith("@esbuild/")) continue; // makes, and is not in what is made
    const here = join(modules, name);
    const { version, license } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
    const texts = readdirSync(here).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).toSorted();
    const said = texts.map((file) => readFileSync(join(here, file), "utf8").trim());
    notices.push([`${name} ${version} (${license ?? "see below"})`, ...said].join("\n\n"));
  }
}
notices.push("Natural Earth, the map data in world-atlas, is in the public domain.");
writeFileSync(join(out, "THIRD-PARTY.txt"), `${notices.join(`\n\n${"-".repeat(72)}\n\n`)}\n`);
writeFileSync(join(out, "assets.json"), `${JSON.stringify({ served }, null, 1)}\n`);
