module Main (main) where

import qualified Data.ByteString.Char8 as Bytes
import Data.Char (isAscii, toUpper)
import Foreign.C.Types (CInt (..))
import System.IO (hPutStrLn, stderr)

-- exitWith of MicroHs 0.16 has no status but 0 and 1
foreign import ccall "stdlib.h exit" c_exit :: CInt -> IO ()

main :: IO ()
main = do
  text <- Bytes.getContents
  if Bytes.null text
    then hPutStrLn stderr "no input" >> c_exit 2
    else Bytes.putStr (Bytes.concat (zipWith numbered [1 :: Int ..] (splitLines text)))

numbered :: Int -> Bytes.ByteString -> Bytes.ByteString
numbered number line = Bytes.append (Bytes.pack (show number ++ " ")) (Bytes.map capital line)

capital :: Char -> Char
capital letter = if isAscii letter then toUpper letter else letter

-- | The lines with their ends; the last one may have none.
splitLines :: Bytes.ByteString -> [Bytes.ByteString]
splitLines text
  | Bytes.null text = []
  | otherwise = case Bytes.elemIndex '\n' text of
      Nothing -> [text]
      Just at -> let (line, rest) = Bytes.splitAt (at + 1) text in line : splitLines rest
