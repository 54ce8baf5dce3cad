// The default host: its answers against the operating system's, and the CPU lease under contention.
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <ctime>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <skep/host.hpp>

#include "host/cpu_lease.hpp"

using namespace skep;

namespace {

Task task_named(std::string_view name, std::uint32_t pid) {
  Task task;
  task.pid = pid;
  name.copy(task.comm.data(), task.comm.size() - 1);
  return task;
}

struct Pipe {
  Pipe() { REQUIRE(::pipe(ends) == 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::string read_some() {
    std::array<char, 4096> buffer;
    const ssize_t got = ::read(ends[0], buffer.data(), buffer.size());
    return {buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
  }
  int ends[2];
};

}  // namespace

TEST_CASE("trace lines have trace_pipe's columns") {
  CHECK(format_trace_pipe({"Hello World 3", task_named("bash", 1234), 0, 12'345'678'000}) ==
        "            bash-1234    [000] ...11    12.345678: bpf_trace_printk: Hello World 3");
  CHECK(format_trace_pipe({"", task_named("fifteen-letters", 4194304), 127, 123456'000001'499}) ==
        " fifteen-letters-4194304 [127] ...11 123456.000001: bpf_trace_printk: ");
  CHECK(format_trace_pipe({"x", task_named("a", 1), 2, 1'999'999'500}) ==
        "               a-1       [002] ...11     2.000000: bpf_trace_printk: x");
}

TEST_CASE("a comm without a terminator is cut at its 16 bytes") {
  Task task;
  task.comm.fill('c');
  CHECK(format_trace_pipe({"t", task, 0, 0}).starts_with("cccccccccccccccc-0 "));
}

TEST_CASE("a trace line goes to the descriptor in one piece, and nowhere when there is none") {
  Pipe pipe;
  auto host = make_process_host({.trace_fd = pipe.ends[1]});
  const TraceLine line{"counter 7", task_named("demo", 9), 1, 5'000'000'000};
  host->trace(line);
  CHECK(pipe.read_some() == format_trace_pipe(line) + "\n");

  make_process_host({.trace_fd = -1})->trace(line);
  host->trace({"second", task_named("demo", 9), 1, 0});
  CHECK(pipe.read_some().find("second\n") != std::string::npos);
}

TEST_CASE("clocks agree with clock_gettime and do not run backwards") {
  auto host = make_process_host();
  const std::array<std::pair<Clock, clockid_t>, 4> clocks{{{Clock::monotonic, CLOCK_MONOTONIC},
                                                           {Clock::boot, CLOCK_BOOTTIME},
                                                           {Clock::tai, CLOCK_TAI},
                                                           {Clock::monotonic_coarse, CLOCK_MONOTONIC_COARSE}}};
  const auto now = [](clockid_t id) {
    timespec time{};
    ::clock_gettime(id, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
  };
  for (const auto& [clock, id] : clocks) {
    const std::uint64_t before = now(id);
    const std::uint64_t seen = host->now_ns(clock);
    CHECK(before <= seen);
    CHECK(seen <= now(id));
  }
  const std::uint64_t ticks = host->jiffies();
  CHECK(ticks <= now(CLOCK_BOOTTIME) / 4'000'000);
  CHECK(ticks + 250 > now(CLOCK_BOOTTIME) / 4'000'000);
}

TEST_CASE("the task is the calling thread of this process") {
  auto host = make_process_host();
  const Task main_task = host->task();
  CHECK(main_task.tgid == static_cast<std::uint32_t>(::getpid()));
  CHECK(main_task.uid == ::getuid());
  CHECK(main_task.gid == ::getgid());
  std::thread([&] {
    ::prctl(PR_SET_NAME, "another-name");
    const Task task = host->task();
    CHECK(task.tgid == main_task.tgid);
    CHECK(task.pid == static_cast<std::uint32_t>(::gettid()));
    CHECK(task.pid != main_task.pid);
    CHECK(std::string(task.comm.data()) == "another-name");
  }).join();
}

TEST_CASE("two hosts draw different random numbers, and one host does not repeat itself") {
  auto one = make_process_host();
  auto two = make_process_host();
  std::set<std::uint64_t> pairs;
  int bits_set = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::uint32_t low = one->random_u32();
    bits_set += __builtin_popcount(low);
    pairs.insert((std::uint64_t{two->random_u32()} << 32) | low);
  }
  CHECK(pairs.size() == 1000);
  CHECK(bits_set > 15500);  // 16,000 expected, standard deviation 89
  CHECK(bits_set < 16500);
}

TEST_CASE("memory is hidden unless exposed, and a bad address is an answer, not a crash") {
  const std::array<char, 6> secret{"hello"};
  std::array<std::byte, 6> out{};
  const auto address = reinterpret_cast<std::uint64_t>(secret.data());
  CHECK_FALSE(make_process_host()->read_memory(MemorySpace::user, address, out));

  auto open = make_process_host({.expose_memory = true});
  if (!open->read_memory(MemorySpace::user, address, out)) {
    MESSAGE("SKIP: process_vm_readv(2) is refused here");
    return;
  }
  CHECK(std::memcmp(out.data(), secret.data(), out.size()) == 0);
  CHECK(open->read_memory(MemorySpace::kernel, address, out));
  CHECK_FALSE(open->read_memory(MemorySpace::user, 0, out));
  CHECK_FALSE(open->read_memory(MemorySpace::user, ~std::uint64_t{0} - 2, out));
  CHECK_FALSE(open->read_memory(MemorySpace::kernel, 0xffff888000000000, out));
  CHECK(open->read_memory(MemorySpace::user, 0, {}));
}

TEST_CASE("the host has the CPUs it was told, at least one, and every CPU has a node") {
  CHECK(make_process_host({.cpus = 5})->cpu_count() == 5);
  auto host = make_process_host();
  CHECK(host->cpu_count() >= 1);
  CHECK(host->cpu_count() == static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_CONF)));
  CHECK(host->numa_node(0) < 1024);
  CHECK(host->numa_node(1'000'000) == 0);
}

TEST_CASE("leased CPU numbers differ until they are given back") {
  host::CpuLease lease(3);
  CHECK(lease.acquire(4) == 1);  // 4 modulo 3
  CHECK(lease.acquire(1) == 2);
  CHECK(lease.acquire(1) == 0);
  lease.release(2);
  lease.release(99);
  CHECK(lease.acquire(0) == 2);
}

TEST_CASE("more threads than CPUs: no CPU is held twice, and a plain counter a CPU loses nothing") {
  constexpr unsigned kThreads = 6;
  constexpr unsigned kRounds = 2000;
  auto host = make_process_host({.cpus = 2});
  struct alignas(64) Counter {
    std::uint64_t value = 0;
  };
  std::array<Counter, 2> counters;
  std::array<std::atomic<int>, 2> holders{};
  std::atomic<int> clashes{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (unsigned round = 0; round < kRounds; ++round) {
        const unsigned cpu = host->acquire_cpu();
        if (holders[cpu].fetch_add(1) != 0) ++clashes;
        ++counters[cpu].value;
        holders[cpu].fetch_sub(1);
        host->release_cpu(cpu);
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(clashes == 0);
  CHECK(counters[0].value + counters[1].value == kThreads * kRounds);
}
