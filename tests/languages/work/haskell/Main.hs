-- | The work program in Haskell: see ../reference.py for what it must print.
module Main (main) where

import Data.Char (chr, isAscii, ord, toLower)
import Data.List (group, intercalate, sort, sortBy)
import Foreign.C.Types (CInt (..), CLong (..), CSize (..))
import Foreign.Marshal.Alloc (allocaBytes)
import Foreign.Marshal.Array (peekArray)
import Foreign.Ptr (Ptr, nullPtr)
import Data.Word (Word8)
import Json (Value (..), parse, quoted)
import Sha256 (sha256)
import System.Directory (doesDirectoryExist)
import System.Environment (getArgs, lookupEnv)
import System.IO (hFlush, stdout)

foreign import ccall "unistd.h getentropy" c_getentropy :: Ptr Word8 -> CSize -> IO CInt

foreign import ccall "stdlib.h exit" c_exit :: CInt -> IO ()

foreign import ccall "time.h time" c_time :: Ptr () -> IO CLong

main :: IO ()
main = do
  getContents >>= putStr . count
  readFile "/data/in.json" >>= putStrLn . ("json: " ++) . summary . parse
  putStrLn ("sha256: " ++ sha256 megabyte (take megabyte (cycle pattern_)))
  greeting <- lookupEnv "WORK_GREETING"
  putStrLn ("env: " ++ maybe "" decoded greeting)
  arguments <- getArgs
  putStrLn ("args: " ++ intercalate "," arguments)
  file
  now <- c_time nullPtr
  putStrLn (if now > 1577836800 then "time ok" else "time is " ++ show now)
  one <- random
  two <- random
  putStrLn (if one /= two then "random ok" else "random is not")
  hFlush stdout
  c_exit 7 -- exitWith of MicroHs 0.16 has no status but 0 and 1
  where
    megabyte = 1048576
    pattern_ = [fromIntegral ((i * 7 + 3) `mod` 256 :: Int) | i <- [0 .. 255]]

count :: String -> String
count text = unlines (("words: " ++ show (length found)) : map line (take 3 ranked))
  where
    found = split (map lower text)
    ranked = sortBy more [(length same, word) | same@(word : _) <- group (sort found)]
    more (n, a) (m, b) = compare m n <> compare a b
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

-- | MicroHs 0.16 gives a variable's bytes as characters.
decoded :: String -> String
decoded (lead : next : rest)
  | between 0xC2 0xDF lead && between 0x80 0xBF next =
      chr (64 * (ord lead - 0xC0) + ord next - 0x80) : decoded rest
  where
    between low high letter = low <= ord letter && ord letter <= high
decoded (letter : rest) = letter : decoded rest
decoded "" = ""

file :: IO ()
file = do
  there <- doesDirectoryExist "/scratch"
  if not there
    then putStrLn "no scratch"
    else do
      writeFile "/scratch/note" "kept\n"
      back <- readFile "/scratch/note"
      putStrLn (if back == "kept\n" then "file: ok" else "file: differs")

random :: IO [Word8]
random = allocaBytes 16 (\place -> c_getentropy place 16 >> peekArray 16 place)
