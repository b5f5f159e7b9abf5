// Command stm runs one workload through the software transactional memory of etcd's own Go client,
// go.etcd.io/etcd/client/v3/concurrency, as a worker of `txetcd-bench peers`.
//
// It is used as that package's example uses it: one client for all goroutines, one Get a key, the default
// isolation, which is SerializableSnapshot. It prints `ready` when it is connected, begins when it is given a line,
// and ends with a line of JSON, which is `Report` in benches/src/peers/report.rs. Keys and values are those of
// benches/src/peers/layout.rs.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// job is what the command line asks for; its flags are those of `Job` in benches/src/peers/job.rs.
type job struct {
	workload string
	inFlight int
	process  int
	warmUp   time.Duration
	measured time.Duration
	endpoint string
	prefix   string
}

func main() {
	if err := run(parse()); err != nil {
		fmt.Fprintln(os.Stderr, "stm:", err)
		os.Exit(1)
	}
}

func parse() job {
	var j job
	var warmUp, seconds float64
	flag.StringVar(&j.workload, "workload", "", "own-key, counter, transfers, zipf-transfers, insert or read-mostly")
	flag.IntVar(&j.inFlight, "in-flight", 1, "how many transactions at a time")
	flag.IntVar(&j.process, "process", 0, "which of several processes this is, from 0")
	flag.Float64Var(&warmUp, "warm-up", 0.5, "seconds that are not measured")
	flag.Float64Var(&seconds, "seconds", 1.5, "seconds that are measured")
	flag.StringVar(&j.endpoint, "endpoint", "http://127.0.0.1:2379", "etcd, several separated by commas")
	flag.StringVar(&j.prefix, "prefix", "", "what all keys begin with")
	flag.Parse()
	j.warmUp = time.Duration(warmUp * float64(time.Second))
	j.measured = time.Duration(seconds * float64(time.Second))
	return j
}

func run(j job) error {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:   strings.Split(j.endpoint, ","),
		DialTimeout: 10 * time.Second,
	})
	if err != nil {
		return err
	}
	defer client.Close()
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	report, err := drive(client, j)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}
