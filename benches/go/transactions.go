package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

var (
	// errOver ends a transaction that would have to run again after the end of the run.
	errOver = errors.New("the time is up")
	// errState says that the store has not what it must have.
	errState = errors.New("the store has not what was put there")
)

// perform runs one transaction. Any error but errOver and errState leaves open whether it happened.
func perform(client *clientv3.Client, prefix string, st step, phase *atomic.Int32) error {
	apply := func(stm concurrency.STM) error {
		if phase.Load() == over {
			return errOver
		}
		switch st.kind {
		case increment:
			return change(stm, rowKey(prefix, st.row), 0)
		case transfer:
			if err := change(stm, rowKey(prefix, st.row), -1); err != nil {
				return err
			}
			return change(stm, rowKey(prefix, st.to), 1)
		case insert:
			return insertPerson(stm, prefix, st.inserted)
		default:
			_, err := get(stm, rowKey(prefix, st.row))
			return err
		}
	}
	_, err := concurrency.NewSTM(client, apply)
	return err
}

// row is a value of the workloads but the inserting one: amount, number of changes, filler.
type row struct {
	amount  int64
	changes uint64
}

const valueBytes = 100

var filler = strings.Repeat(".", valueBytes)

func change(stm concurrency.STM, key string, amount int64) error {
	r, err := get(stm, key)
	if err != nil {
		return err
	}
	r.amount += amount
	r.changes++
	value := binary.BigEndian.AppendUint64(make([]byte, 0, valueBytes), uint64(r.amount))
	value = binary.BigEndian.AppendUint64(value, r.changes)
	value = append(value, filler[len(value):]...)
	stm.Put(key, string(value))
	return nil
}

func get(stm concurrency.STM, key string) (row, error) {
	value := []byte(stm.Get(key))
	if len(value) != valueBytes {
		return row{}, fmt.Errorf("%w: key %q", errState, key)
	}
	return row{int64(binary.BigEndian.Uint64(value)), binary.BigEndian.Uint64(value[8:])}, nil
}

// insertPerson puts a row and its entries in two indexes, one of them unique.
func insertPerson(stm concurrency.STM, prefix string, id uint64) error {
	person := fmt.Sprintf("%sp/%016x", prefix, id)
	email := fmt.Sprintf("%se/%016x@example.org", prefix, id)
	town := fmt.Sprintf("%st/%02x/%016x", prefix, id%100, id)
	if stm.Get(person) != "" || stm.Get(email) != "" {
		return fmt.Errorf("%w: key %q is there already", errState, person)
	}
	stm.Put(person, filler)
	stm.Put(email, string(binary.BigEndian.AppendUint64(nil, id)))
	stm.Put(town, "-")
	return nil
}

func rowKey(prefix string, row int) string {
	return fmt.Sprintf("%sr/%08x", prefix, row)
}
