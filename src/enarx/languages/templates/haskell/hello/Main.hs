module Main (main) where

import System.Environment (getArgs)

main :: IO ()
main = do
  arguments <- getArgs
  putStrLn "hello from @TITLE@ in a keep"
  mapM_ (\argument -> putStrLn ("argument: " ++ argument)) arguments
