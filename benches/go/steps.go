package main

import (
	"math"
	"math/rand/v2"
	"sort"
)

// The kinds of transactions.
const (
	increment = iota
	transfer
	insert
	read
)

// accounts is how many rows the workloads on many rows have.
const accounts = 1000

// step is one transaction: what to do, and to which rows.
type step struct {
	kind     int
	row, to  int
	inserted uint64
}

// steps draws what one goroutine does, as `Steps` in benches/src/peers/steps.rs does.
type steps struct {
	workload string
	task     int
	inserts  uint64
	zipf     []float64
}

func newSteps(workload string, task int) *steps {
	s := &steps{workload: workload, task: task}
	if workload == "zipf-transfers" {
		s.zipf = cumulative(accounts, 0.99)
	}
	return s
}

func (s *steps) next() step {
	switch s.workload {
	case "own-key":
		return step{kind: increment, row: s.task}
	case "counter":
		return step{kind: increment}
	case "transfers", "zipf-transfers":
		from, to := s.account(), s.account()
		for from == to {
			to = s.account()
		}
		return step{kind: transfer, row: from, to: to}
	case "insert":
		s.inserts++
		return step{kind: insert, inserted: uint64(s.task)<<32 | (s.inserts - 1)}
	case "read-mostly":
		if rand.IntN(100) < 5 {
			return step{kind: increment, row: s.account()}
		}
		return step{kind: read, row: s.account()}
	}
	panic("there is no workload " + s.workload)
}

func (s *steps) account() int {
	if s.zipf == nil {
		return rand.IntN(accounts)
	}
	drawn := rand.Float64()
	return min(sort.Search(len(s.zipf), func(i int) bool { return s.zipf[i] > drawn }), accounts-1)
}

// cumulative is the distribution function of Zipf's law over n ranks.
func cumulative(n int, exponent float64) []float64 {
	sums := make([]float64, n)
	sum := 0.0
	for rank := range sums {
		sum += math.Pow(float64(rank+1), -exponent)
		sums[rank] = sum
	}
	for rank := range sums {
		sums[rank] /= sum
	}
	return sums
}
