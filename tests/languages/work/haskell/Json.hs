-- | As much of JSON as an object of strings and lists of whole numbers needs.
module Json (Value (..), parse, quoted) where

import Data.Char (chr, digitToInt, isDigit, isSpace)

data Value = Text String | Numbers [Integer]

-- | The members of an object.
parse :: String -> [(String, Value)]
parse text = case skip text of
  '{' : rest -> members (skip rest)
  _ -> []

members :: String -> [(String, Value)]
members ('"' : text) = (key, value) : members (skip (dropComma rest))
  where
    (key, afterKey) = string text
    (value, rest) = valueOf (skip (drop 1 (skip afterKey)))
members _ = []

valueOf :: String -> (Value, String)
valueOf ('"' : text) = let (found, rest) = string text in (Text found, skip rest)
valueOf text = let (found, rest) = numbers (skip (drop 1 text)) in (Numbers found, skip rest)

numbers :: String -> ([Integer], String)
numbers (']' : rest) = ([], rest)
numbers ('-' : text) = let (first, more) = number text in (negate first : fst more, snd more)
numbers text = let (first, more) = number text in (first : fst more, snd more)

number :: String -> (Integer, ([Integer], String))
number text = (read digits, numbers (skip (dropComma (skip rest))))
  where
    (digits, rest) = span isDigit text

string :: String -> (String, String)
string ('"' : rest) = ("", rest)
string ('\\' : 'u' : a : b : c : d : rest) =
  prepend (chr (foldl (\sum_ digit -> 16 * sum_ + digitToInt digit) 0 [a, b, c, d])) (string rest)
string ('\\' : 'n' : rest) = prepend '\n' (string rest)
string ('\\' : letter : rest) = prepend letter (string rest)
string (letter : rest) = prepend letter (string rest)
string "" = ("", "")

prepend :: Char -> (String, String) -> (String, String)
prepend letter (text, rest) = (letter : text, rest)

dropComma :: String -> String
dropComma (',' : rest) = rest
dropComma rest = rest

skip :: String -> String
skip = dropWhile isSpace

quoted :: String -> String
quoted text = "\"" ++ concatMap escape text ++ "\""
  where
    escape letter = if letter `elem` "\"\\" then ['\\', letter] else [letter]
