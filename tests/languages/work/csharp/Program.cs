// The work program in C#: see ../reference.py for what it must print.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;

static class Program
{
    static int Main(string[] arguments)
    {
        var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { NewLine = "\n" };
        Words(output);
        output.WriteLine("json: " + Summary(File.ReadAllText("/data/in.json")));
        output.WriteLine("sha256: " + Sha256.Digest(Megabyte()));
        output.WriteLine("env: " + Environment.GetEnvironmentVariable("WORK_GREETING"));
        output.WriteLine("args: " + string.Join(",", arguments));
        output.WriteLine(Scratch());
        output.WriteLine(DateTime.UtcNow.Year >= 2020 ? "time ok" : "time is " + DateTime.UtcNow);
        output.WriteLine(Random().SequenceEqual(Random()) ? "random is not" : "random ok");
        output.Flush();
        return 7;
    }

    static void Words(TextWriter output)
    {
        string text = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false)).ReadToEnd();
        string[] words = text.Split(" \t\n\v\f\r".ToCharArray(), StringSplitOptions.RemoveEmptyEntries);
        var ranked = words.Select(Lower).GroupBy(word => word, StringComparer.Ordinal)
            .OrderByDescending(same => same.Count()).ThenBy(same => same.Key, new CodePoints());
        output.WriteLine("words: " + words.Length);
        foreach (var same in ranked.Take(3))
            output.WriteLine(same.Count() + " " + same.Key);
    }

    static string Lower(string word)
    {
        return new string(word.Select(each => each >= 'A' && each <= 'Z' ? (char)(each + 32) : each).ToArray());
    }

    // The order of UTF-8 is that of code points; that of UTF-16 is not.
    sealed class CodePoints : IComparer<string>
    {
        public int Compare(string left, string right)
        {
            byte[] a = Encoding.UTF8.GetBytes(left), b = Encoding.UTF8.GetBytes(right);
            for (int at = 0; at < Math.Min(a.Length, b.Length); at++)
                if (a[at] != b[at])
                    return a[at].CompareTo(b[at]);
            return a.Length.CompareTo(b.Length);
        }
    }

    static string Summary(string text)
    {
        var json = new Json(text);
        var numbers = new List<long>();
        string name = "";
        foreach (object value in json.Members())
            if (value is string)
                name = (string)value;
            else
                numbers = (List<long>)value;
        string quoted = name.Replace("\\", "\\\\").Replace("\"", "\\\"");
        return "{\"count\":" + numbers.Count + ",\"name\":\"" + quoted + "\",\"sum\":" + numbers.Sum() + "}";
    }

    static byte[] Megabyte()
    {
        var data = new byte[1 << 20];
        for (int at = 0; at < data.Length; at++)
            data[at] = (byte)(at * 7 + 3);
        return data;
    }

    static string Scratch()
    {
        if (!Directory.Exists("/scratch"))
            return "no scratch";
        File.WriteAllText("/scratch/note", "kept\n");
        return File.ReadAllText("/scratch/note") == "kept\n" ? "file: ok" : "file: differs";
    }

    static byte[] Random()
    {
        var made = new byte[16];
        using (var generator = RandomNumberGenerator.Create())
            generator.GetBytes(made);
        return made;
    }
}
