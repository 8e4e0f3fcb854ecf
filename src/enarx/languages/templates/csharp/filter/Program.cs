using System;
using System.IO;

static class Program
{
    static int Main()
    {
        Stream input = Console.OpenStandardInput();
        Stream output = new BufferedStream(Console.OpenStandardOutput());
        int previous = '\n', line = 0;
        for (int letter; (letter = input.ReadByte()) >= 0; previous = letter)
        {
            if (previous == '\n')
                foreach (char digit in ++line + " ")
                    output.WriteByte((byte)digit);
            output.WriteByte((byte)(letter >= 'a' && letter <= 'z' ? letter - 32 : letter));
        }
        output.Flush();
        if (line > 0)
            return 0;
        Console.Error.WriteLine("no input");
        return 2;
    }
}
