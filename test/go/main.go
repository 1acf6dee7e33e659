// Verifies an exported log with Go's own note and tlog packages, which know nothing of this project: the checkpoint's
// signature, the root recomputed from the entries, and each partial and full tile.
//
// Usage: verify-log FOLDER VERIFIER-KEY
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

func main() {
	if err := verify(os.Args[1], os.Args[2]); err != nil {
		fmt.Println("NOT verified:", err)
		os.Exit(1)
	}
}

func verify(folder, key string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	signed, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		return fmt.Errorf("origin %q", lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return err
	}
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for at, index := range indexes {
			found[at] = hashes[index]
		}
		return found, nil
	})
	var index int64
	for n := int64(0); n*width < size; n++ {
		entries, err := readBundle(folder, n, min(width, size-n*width))
		if err != nil {
			return err
		}
		for _, entry := range entries {
			stored, err := tlog.StoredHashes(index, entry, reader)
			if err != nil {
				return err
			}
			hashes = append(hashes, stored...)
			index++
		}
	}
	root, err := tlog.TreeHash(size, reader)
	if err != nil {
		return err
	}
	if root.String() != lines[2] {
		return fmt.Errorf("the entries lead to root %s, signed is %s", root, lines[2])
	}
	for level, count := 0, size; count > 0; level, count = level+1, count/width {
		for n := int64(0); n*width < count; n++ {
			tile := tlog.Tile{H: 8, L: level, N: n, W: int(min(width, count-n*width))}
			want, err := tlog.ReadTileData(tile, reader)
			if err != nil {
				return err
			}
			// golang.org/x/mod writes the height into the path, C2SP does not.
			path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
			got, err := os.ReadFile(filepath.Join(folder, path))
			if err != nil {
				return err
			}
			if !bytes.Equal(got, want) {
				return fmt.Errorf("%s differs", path)
			}
		}
	}
	fmt.Printf("verified %d entries, root %s\n", size, root)
	return nil
}

func readBundle(folder string, n, count int64) ([][]byte, error) {
	tile := tlog.Tile{H: 8, L: -1, N: n, W: int(count)}
	path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
	rest, err := os.ReadFile(filepath.Join(folder, path))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(rest) > 0 {
		if len(rest) < 2 {
			return nil, fmt.Errorf("%s ends within a length", path)
		}
		end := 2 + int(binary.BigEndian.Uint16(rest))
		if end > len(rest) {
			return nil, fmt.Errorf("%s ends within an entry", path)
		}
		entries = append(entries, rest[2:end])
		rest = rest[end:]
	}
	if int64(len(entries)) != count {
		return nil, fmt.Errorf("%s has %d entries, not %d", path, len(entries), count)
	}
	return entries, nil
}
