-- | Random bytes of the system, by the name and the type of Hackage's package entropy.
module System.Entropy (getEntropy) where

import qualified Data.ByteString as Bytes
import Data.Word (Word8)
import Foreign.C.Types (CInt)
import Foreign.Marshal.Alloc (allocaBytes)
import Foreign.Marshal.Array (peekArray)
import Foreign.Ptr (Ptr)

foreign import ccall "entropy.h enarx_entropy" entropy :: Ptr Word8 -> CInt -> IO CInt

-- | As many bytes as are asked for; an error of the system is an exception.
getEntropy :: Int -> IO Bytes.ByteString
getEntropy size = allocaBytes (max 1 size) fill
  where
    fill place = do
      status <- entropy place (fromIntegral size)
      if status == 0
        then fmap Bytes.pack (peekArray size place)
        else ioError (userError "the system has no random bytes")
