console.log("hello from AssemblyScript in a keep");
for (let i = 1; i < process.argv.length; i++) console.log("argument: " + process.argv[i]);
