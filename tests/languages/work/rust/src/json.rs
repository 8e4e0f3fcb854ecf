//! JSON: as much of it as one object of numbers and strings needs.

/// The compact summary of {"name": …, "numbers": […]}.
pub fn summary(text: &str) -> String {
    let mut parser = Parser { rest: text.chars().collect::<Vec<_>>().into_iter().rev().collect() };
    let (mut name, mut sum, mut count) = (String::new(), 0, 0);
    parser.expect('{');
    while parser.peek() == '"' {
        let key = parser.string();
        parser.expect(':');
        if key == "name" {
            name = parser.string();
        } else {
            parser.expect('[');
            while parser.peek() != ']' {
                sum += parser.number();
                count += 1;
                parser.skip(',');
            }
            parser.expect(']');
        }
        parser.skip(',');
    }
    let name = name.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{{\"count\":{count},\"name\":\"{name}\",\"sum\":{sum}}}")
}

/// What is left, the next character last.
struct Parser {
    rest: Vec<char>,
}

impl Parser {
    fn peek(&mut self) -> char {
        while self.rest.last().map_or(false, |c| c.is_whitespace()) {
            self.rest.pop();
        }
        *self.rest.last().expect("JSON ends early")
    }

    fn expect(&mut self, wanted: char) {
        assert_eq!(self.peek(), wanted);
        self.rest.pop();
    }

    fn skip(&mut self, wanted: char) {
        if self.peek() == wanted {
            self.rest.pop();
        }
    }

    fn number(&mut self) -> i64 {
        let mut digits = String::from(self.peek());
        self.rest.pop();
        while self.rest.last().map_or(false, |c| c.is_ascii_digit()) {
            digits.extend(self.rest.pop());
        }
        digits.parse().expect("a number")
    }

    fn string(&mut self) -> String {
        self.expect('"');
        let mut found = String::new();
        loop {
            match self.rest.pop().expect("a string ends") {
                '"' => return found,
                '\\' => found.push(self.escape()),
                letter => found.push(letter),
            }
        }
    }

    fn escape(&mut self) -> char {
        match self.rest.pop().expect("an escape ends") {
            'u' => {
                let digits: String = (0..4).filter_map(|_| self.rest.pop()).collect();
                let code = u32::from_str_radix(&digits, 16).expect("four digits");
                char::from_u32(code).expect("no surrogate")
            }
            'n' => '\n',
            't' => '\t',
            other => other,
        }
    }
}
