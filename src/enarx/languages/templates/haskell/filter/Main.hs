module Main (main) where

import Control.Monad (when)
import Data.Char (isAscii, toUpper)
import System.Exit (ExitCode (..), exitWith)
import System.IO

main :: IO ()
main = do
  hSetBinaryMode stdin True -- a character is a byte
  hSetBinaryMode stdout True
  text <- getContents
  when (null text) (hPutStrLn stderr "no input" >> exitWith (ExitFailure 2))
  putStr (concat (zipWith numbered [1 :: Int ..] (splitLines text)))

numbered :: Int -> String -> String
numbered number line = show number ++ " " ++ map capital line

capital :: Char -> Char
capital letter = if isAscii letter then toUpper letter else letter

-- | The lines with their ends; the last one may have none.
splitLines :: String -> [String]
splitLines "" = []
splitLines text = case break (== '\n') text of
  (line, end : rest) -> (line ++ [end]) : splitLines rest
  (line, "") -> [line]
