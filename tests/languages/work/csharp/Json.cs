// As much of JSON as an object of strings and lists of whole numbers needs.
using System.Collections.Generic;
using System.Globalization;
using System.Text;

sealed class Json
{
    readonly string text;
    int at;

    public Json(string text) { this.text = text; }

    // The values of an object: strings and lists.
    public IEnumerable<object> Members()
    {
        for (Take('{'); Next() == '"'; Skip(','))
        {
            String();
            Take(':');
            yield return Next() == '"' ? (object)String() : Numbers();
        }
    }

    List<long> Numbers()
    {
        var found = new List<long>();
        for (Take('['); Next() != ']'; Skip(','))
        {
            int start = at;
            while (text[at] == '-' || char.IsDigit(text[at]))
                at++;
            found.Add(long.Parse(text.Substring(start, at - start), CultureInfo.InvariantCulture));
        }
        at++;
        return found;
    }

    string String()
    {
        var made = new StringBuilder();
        for (Take('"'); text[at] != '"'; at++)
        {
            if (text[at] != '\\')
            {
                made.Append(text[at]);
                continue;
            }
            char letter = text[++at];
            if (letter == 'u')
            {
                made.Append((char)int.Parse(text.Substring(at + 1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                at += 4;
            }
            else
                made.Append(letter == 'n' ? '\n' : letter == 't' ? '\t' : letter);
        }
        at++;
        return made.ToString();
    }

    char Next()
    {
        while (char.IsWhiteSpace(text[at]))
            at++;
        return text[at];
    }

    void Take(char wanted)
    {
        if (Next() != wanted)
            throw new System.FormatException("want " + wanted + ", got " + text[at]);
        at++;
    }

    void Skip(char separator)
    {
        if (Next() == separator)
            at++;
    }
}
