"""Interpreters whose collectors look for pointers in memory: what is alive stays, what is not goes.

WebAssembly's locals are not in memory; the toolchains have them stored there around calls.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.languages.conftest import Build, Enarx

pytestmark = pytest.mark.slow

CSHARP = """\
using System;
using System.Collections.Generic;
using System.Linq;

class Tree {
    readonly Tree left, right;
    readonly int value;
    readonly string name;

    public Tree(int depth, ref int count) {
        value = count++;
        name = "n" + value;
        if (depth == 0) return;
        left = new Tree(depth - 1, ref count);
        right = new Tree(depth - 1, ref count);
    }

    public long Sum() {
        if (name != "n" + value) throw new Exception("corrupt: " + name);
        return value + (left == null ? 0 : left.Sum() + right.Sum());
    }
}

static class Program {
    static int Deep(int calls) { return calls == 0 ? 0 : 1 + Deep(calls - 1); }

    static void Main() {
        int count = 0;
        var kept = new Tree(12, ref count);
        var lists = new Dictionary<string, List<int>>();
        var random = new Random(1);
        for (int round = 0; round < 40; round++) {
            int few = 0;
            if (new Tree(10, ref few).Sum() != (long) few * (few - 1) / 2) throw new Exception();
            for (int i = 0; i < 200; i++) {
                var bytes = new byte[random.Next(1, 40000)];
                bytes[0] = 1;
                string key = "k" + random.Next(500);
                if (!lists.ContainsKey(key)) lists[key] = new List<int>();
                lists[key].Add(i);
            }
            if (lists.Values.Any(list => list.Any(i => i < 0 || i >= 200))) throw new Exception();
            if (kept.Sum() != (long) count * (count - 1) / 2) throw new Exception();
        }
        Console.WriteLine(lists.Values.Sum(list => list.Count));
        Console.WriteLine(GC.CollectionCount(1) > 5);
        GC.Collect();
        Console.WriteLine(GC.GetTotalMemory(false) < 20000000);
        Console.WriteLine(Deep(5000));
    }
}
"""

HASKELL = """\
module Main (main) where

import qualified Data.Map as Map
import Data.List (foldl')

main :: IO ()
main = do
  print (Map.size kept)
  print (foldl' (\\seen round -> seen + Map.size (made round)) 0 [1 .. 300])
  print (sum (Map.elems kept))
  putStrLn (unwords (map snd (take 3 (Map.toList names))))
  where
    kept = Map.fromList [(n * 7 `mod` 4999, n) | n <- [0 .. 4998 :: Int]]
    names = Map.fromList [(n, show n ++ "!") | n <- Map.elems kept]
    made round = Map.fromList [(show (n * round), n) | n <- [1 .. 400 :: Int]]
"""


def test_csharp(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """Trees, lists and arrays of 160 MB in all, a small heap at the end, and 5,000 calls deep."""
    assert enarx("new", "--lang", "csharp", "app").returncode == 0
    (tmp_path / "app" / "Program.cs").write_text(CSHARP)
    build("app")
    done = enarx("run", "app")
    assert (done.returncode, done.stdout.decode(), done.stderr) == (
        0,
        "8000\nTrue\nTrue\n5000\n",
        b"",
    )


def test_haskell(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """Maps are made and forgotten while another one is alive, which is whole afterwards."""
    assert enarx("new", "--lang", "haskell", "app").returncode == 0
    (tmp_path / "app" / "Main.hs").write_text(HASKELL)
    build("app")
    done = enarx("run", "app")
    expected = f"4999\n120000\n{sum(range(4999))}\n0! 1! 2!\n"
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, expected, b"")
