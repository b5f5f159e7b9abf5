package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// report is what the program prints: `Report` in benches/src/peers/report.rs.
type report struct {
	// Of each goroutine: writes that were acknowledged, and writes of which it is not known whether they happened.
	Tasks [][2]uint64 `json:"tasks"`
	// All transactions that were acknowledged, reading ones and those outside the measured time included.
	Transactions uint64 `json:"transactions"`
	// Seconds that were measured.
	Seconds float64 `json:"seconds"`
	// Microseconds and how many transactions of the measured time took as long.
	Latencies [][2]uint64 `json:"latencies"`
	// The most memory that the process ever had, in bytes.
	PeakMemory *uint64 `json:"peak_memory"`
}

// The phases of a run.
const (
	warmingUp int32 = iota
	measuring
	over
)

// task is what one goroutine counted.
type task struct {
	acknowledged, unknown, transactions uint64
	latencies                           map[uint64]uint64
	err                                 error
}

// drive keeps as many transactions in flight as the job says until its time is up.
func drive(client *clientv3.Client, j job) (*report, error) {
	var phase atomic.Int32
	var running sync.WaitGroup
	tasks := make([]task, j.inFlight)
	for n := range tasks {
		t := &tasks[n]
		t.latencies = map[uint64]uint64{}
		s := newSteps(j.workload, j.process*j.inFlight+n)
		running.Go(func() { t.loop(client, j.prefix, s, &phase) })
	}
	time.Sleep(j.warmUp)
	phase.Store(measuring)
	began := time.Now()
	time.Sleep(j.measured)
	phase.Store(over)
	seconds := time.Since(began).Seconds()
	running.Wait()

	r := &report{Seconds: seconds, PeakMemory: peakMemory()}
	latencies := map[uint64]uint64{}
	for _, t := range tasks {
		if t.err != nil {
			return nil, t.err
		}
		r.Tasks = append(r.Tasks, [2]uint64{t.acknowledged, t.unknown})
		r.Transactions += t.transactions
		for micros, count := range t.latencies {
			latencies[micros] += count
		}
	}
	r.Latencies = make([][2]uint64, 0, len(latencies))
	for micros, count := range latencies {
		r.Latencies = append(r.Latencies, [2]uint64{micros, count})
	}
	return r, nil
}

func (t *task) loop(client *clientv3.Client, prefix string, s *steps, phase *atomic.Int32) {
	for phase.Load() != over {
		st := s.next()
		began := time.Now()
		err := perform(client, prefix, st, phase)
		switch {
		case err == nil:
			t.transactions++
			if st.kind != read {
				t.acknowledged++
			}
			if phase.Load() == measuring {
				t.latencies[uint64(time.Since(began).Microseconds())]++
			}
		case errors.Is(err, errOver):
		case errors.Is(err, errState):
			t.err = err
			return
		default:
			t.unknown++
		}
	}
}

// peakMemory is in bytes, where the system tells it.
func peakMemory() *uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			kilobytes, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return nil
			}
			bytes := kilobytes * 1024
			return &bytes
		}
	}
	return nil
}
