using System;

static class Program
{
    static void Main(string[] arguments)
    {
        Console.WriteLine("hello from @TITLE@ in a keep");
        foreach (string argument in arguments)
            Console.WriteLine("argument: " + argument);
    }
}
