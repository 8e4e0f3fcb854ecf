-- | The work program in Haskell: see ../reference.py for what it must print.
module Main (main) where

import Data.Char (isAscii, toLower)
import Data.List (group, intersperse, sort, sortBy)
import Json (Value (..), parse, quoted)
import Sha256 (sha256)
import System.Directory (doesDirectoryExist)
import System.Entropy (getEntropy)
import System.Environment (getArgs, getEnv)
import System.Exit (ExitCode (..), exitWith)
import System.Time (ClockTime (..), getClockTime)

main :: IO ()
main = do
  getContents >>= putStr . count
  readFile "/data/in.json" >>= putStrLn . ("json: " ++) . summary . parse
  putStrLn ("sha256: " ++ sha256 megabyte (take megabyte (cycle pattern_)))
  greeting <- getEnv "WORK_GREETING"
  putStrLn ("env: " ++ greeting)
  arguments <- getArgs
  putStrLn ("args: " ++ concat (intersperse "," arguments))
  file
  TOD now _ <- getClockTime
  putStrLn (if now > 1577836800 then "time ok" else "time is " ++ show now)
  one <- getEntropy 16
  two <- getEntropy 16
  putStrLn (if one /= two then "random ok" else "random is not")
  exitWith (ExitFailure 7)
  where
    megabyte = 1048576
    pattern_ = [fromIntegral ((i * 7 + 3) `mod` 256 :: Int) | i <- [0 .. 255]]

count :: String -> String
count text = unlines (("words: " ++ show (length found)) : map line (take 3 ranked))
  where
    found = split (map lower text)
    ranked = sortBy more [(length same, word) | same@(word : _) <- group (sort found)]
    more (n, a) (m, b) = if n == m then compare a b else compare m n
    line (n, word) = show n ++ " " ++ word
    lower letter = if isAscii letter then toLower letter else letter

split :: String -> [String]
split text = case dropWhile isBlank text of
  "" -> []
  rest -> let (word, more) = break isBlank rest in word : split more
  where
    isBlank letter = letter `elem` " \t\n\v\f\r"

summary :: [(String, Value)] -> String
summary members =
  "{\"count\":" ++ show (length numbers)
    ++ ",\"name\":" ++ quoted (concat [text | ("name", Text text) <- members])
    ++ ",\"sum\":" ++ show (sum numbers) ++ "}"
  where
    numbers = concat [list | ("numbers", Numbers list) <- members]

file :: IO ()
file = do
  there <- doesDirectoryExist "/scratch"
  if not there
    then putStrLn "no scratch"
    else do
      writeFile "/scratch/note" "kept\n"
      back <- readFile "/scratch/note"
      putStrLn (if back == "kept\n" then "file: ok" else "file: differs")
