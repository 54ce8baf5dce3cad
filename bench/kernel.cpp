// Programs in the running kernel. libbpf loads them, as it would for any user of the kernel; nothing is attached.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "engines.hpp"

namespace skep::bench {
namespace {

using Object = std::unique_ptr<bpf_object, decltype(&bpf_object__close)>;

class KernelRunner final : public Runner {
 public:
  KernelRunner(Object object, int program, std::span<const std::byte> input)
      : object_(std::move(object)), program_(program), input_(input) {
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object_.get()) {
      if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF)
        ring_.reset(ring_buffer__new(bpf_map__fd(map), ignore, nullptr, nullptr));
    }
  }
  std::uint32_t run(std::uint64_t times) override {
    std::uint32_t result = 0;
    for (std::uint64_t once = 0; times != 0; times -= once) result = test_run(once = std::min(times, kMost)).retval;
    return result;
  }
  double time(std::uint64_t times) override {
    const double start = cpu_ns();
    double loops_ns = 0;
    for (std::uint64_t once = 0, left = times; left != 0; left -= once) {
      once = std::min(left, kMost);
      loops_ns += (test_run(once).duration + 1.0) * static_cast<double>(once);
    }
    // The kernel says how long a run took, in whole nanoseconds rounded down, without the set-up. For short programs
    // the rounding is more than the set-up.
    return std::min(loops_ns, cpu_ns() - start);
  }
  void drain() override { ring_buffer__consume(ring_.get()); }

 private:
  static constexpr std::uint64_t kMost = std::numeric_limits<int>::max();

  static int ignore(void* /*context*/, void* /*record*/, std::size_t /*bytes*/) { return 0; }

  bpf_test_run_opts test_run(std::uint64_t times) {
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = input_.data(), .data_size_in = static_cast<__u32>(input_.size()),
                .repeat = static_cast<int>(times));
    const int error = bpf_prog_test_run_opts(program_, &options);
    if (error != 0) std::fprintf(stderr, "BPF_PROG_TEST_RUN: %s\n", std::strerror(-error)), std::exit(1);
    return options;
  }

  Object object_;
  int program_;
  std::span<const std::byte> input_;
  std::unique_ptr<ring_buffer, decltype(&ring_buffer__free)> ring_{nullptr, &ring_buffer__free};
};

}  // namespace

Prepared prepare_kernel(const BenchProgram& program) {
  libbpf_set_print(nullptr);
  Object object(bpf_object__open_file(program.object_path.c_str(), nullptr), &bpf_object__close);
  if (object == nullptr) return {nullptr, std::string("libbpf cannot open it: ") + std::strerror(errno)};
  if (const int error = bpf_object__load(object.get()))
    return {nullptr, std::string("the kernel does not load it: ") + std::strerror(-error)};
  const int fd = bpf_program__fd(bpf_object__find_program_by_name(object.get(), program.name.c_str()));
  return {std::make_unique<KernelRunner>(std::move(object), fd, program.input), {}};
}

}  // namespace skep::bench
