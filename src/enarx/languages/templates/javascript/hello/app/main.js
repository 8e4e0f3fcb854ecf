// Prints a greeting and its arguments.
print("hello from JavaScript in a keep");
for (const argument of scriptArgs.slice(1)) print(`argument: ${argument}`);
