;; A component that writes 32 MiB to its standard output, 4 KiB a call: the most that
;; blocking-write-and-flush takes.
(component
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error-type))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $stream (sub resource)))
    (alias outer 1 $error-type (type $outer-error))
    (export "error" (type $e (eq $outer-error)))
    (type $failure (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $failure)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $stream)) (param "contents" (list u8))
        (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $stream-type))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $stream-type (type $outer-stream))
    (export "output-stream" (type $s (eq $outer-stream)))
    (export "get-stdout" (func (result (own $s))))))
  (core module $memory (memory (export "memory") 2))
  (core instance $m (instantiate $memory))
  (alias core export $m "memory" (core memory $mem))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower
    (func $streams "[method]output-stream.blocking-write-and-flush") (memory $mem)))
  (core module $program
    (import "w" "get" (func $get (result i32)))
    (import "w" "write" (func $write (param i32 i32 i32 i32)))
    (func (export "run") (result i32) (local $stream i32) (local $left i32)
      (local.set $stream (call $get))
      (local.set $left (i32.const 8192))
      (loop $again
        (call $write (local.get $stream) (i32.const 1024) (i32.const 4096) (i32.const 0))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $again (local.get $left)))
      (i32.const 0)))
  (core instance $i (instantiate $program
    (with "w" (instance (export "get" (func $get)) (export "write" (func $write))))))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $exported (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $exported)))
