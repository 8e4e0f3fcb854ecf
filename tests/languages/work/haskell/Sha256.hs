-- | SHA-256 (FIPS 180-4), by the book.
module Sha256 (sha256) where

import Data.Bits (complement, shiftL, shiftR, xor, (.&.), (.|.))
import Data.List (foldl')
import Data.Word (Word32)

data State = State !Word32 !Word32 !Word32 !Word32 !Word32 !Word32 !Word32 !Word32

-- | The digest of bytes whose number is a multiple of 64, in hexadecimal.
sha256 :: Int -> [Word32] -> String
sha256 size bytes = digest (foldl' block start (chunks (pack bytes) ++ [padding]))
  where
    padding = 0x80000000 : replicate 13 0 ++ [0, fromIntegral (8 * size)]

digest :: State -> String
digest (State a b c d e f g h) = concatMap hexadecimal [a, b, c, d, e, f, g, h]

hexadecimal :: Word32 -> String
hexadecimal word = [digits !! fromIntegral (word `shiftR` by .&. 15) | by <- [28, 24 .. 0]]
  where
    digits = "0123456789abcdef"

pack :: [Word32] -> [Word32]
pack (a : b : c : d : rest) =
  (a `shiftL` 24 .|. b `shiftL` 16 .|. c `shiftL` 8 .|. d) : pack rest
pack _ = []

chunks :: [Word32] -> [[Word32]]
chunks [] = []
chunks list = let (chunk, rest) = splitAt 16 list in chunk : chunks rest

block :: State -> [Word32] -> State
block before words_ = add before (foldl' step before (zip constants (schedule words_)))

add :: State -> State -> State
add (State a b c d e f g h) (State a' b' c' d' e' f' g' h') =
  State (a + a') (b + b') (c + c') (d + d') (e + e') (f + f') (g + g') (h + h')

step :: State -> (Word32, Word32) -> State
step (State a b c d e f g h) (k, w) = State (one + two) a b c (d + one) e f g
  where
    one = h + (turned e 6 `xor` turned e 11 `xor` turned e 25) + choose + k + w
    two = (turned a 2 `xor` turned a 13 `xor` turned a 22) + majority
    choose = (e .&. f) `xor` (complement e .&. g)
    majority = (a .&. b) `xor` (a .&. c) `xor` (b .&. c)

-- | rotateR of MicroHs 0.16 does not end.
turned :: Word32 -> Int -> Word32
turned word by = shiftR word by .|. shiftL word (32 - by)

schedule :: [Word32] -> [Word32]
schedule first = list
  where
    list = first ++ zipWith4' next list (drop 1 list) (drop 9 list) (drop 14 list)
    next a b c d = a + small b 7 18 3 + c + small d 17 19 10
    small x i j k = turned x i `xor` turned x j `xor` shiftR x k

zipWith4' :: (a -> a -> a -> a -> b) -> [a] -> [a] -> [a] -> [a] -> [b]
zipWith4' f (a : as) (b : bs) (c : cs) (d : ds) = f a b c d : zipWith4' f as bs cs ds
zipWith4' _ _ _ _ _ = []

primes :: [Integer]
primes = [n | n <- [2 ..], all (\p -> n `mod` p /= 0) [2 .. n - 1]]

-- | The first 32 bits of the fraction of a root, by whole numbers alone.
fraction :: Int -> Integer -> Word32
fraction power n = fromIntegral (search 0 (2 ^ (40 :: Int)) `mod` 4294967296)
  where
    want = n * 2 ^ (32 * power)
    search low high
      | high - low <= 1 = low
      | middle ^ power > want = search low middle
      | otherwise = search middle high
      where
        middle = (low + high) `div` 2

start :: State
start = case map (fraction 2) (take 8 primes) of
  [a, b, c, d, e, f, g, h] -> State a b c d e f g h
  _ -> error "eight"

constants :: [Word32]
constants = map (fraction 3) (take 64 primes)
