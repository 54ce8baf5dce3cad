// The running kernel as a referee: loads a program and test-runs it with bpf(2). Nothing is attached or pinned.
//
// Every descriptor closes itself. Where bpf(2) is refused, unavailable() says why and tests skip visibly.
#pragma once

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <skep/insn.hpp>
#include <skep/types.hpp>

namespace skep::kernel {

/// bpf(2); a result below 0 is a negative errno.
inline int call(bpf_cmd command, bpf_attr& attr) {
  const long result = ::syscall(SYS_bpf, command, &attr, sizeof(attr));
  return result < 0 ? -errno : static_cast<int>(result);
}

/// A descriptor that closes itself; below 0 it is a negative errno.
class Descriptor {
 public:
  explicit Descriptor(int fd = -EBADF) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -EBADF)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

inline Descriptor load(ProgType type, std::span<const Insn> insns) {
  bpf_attr attr{};
  attr.prog_type = static_cast<std::uint32_t>(type);
  attr.insns = reinterpret_cast<std::uint64_t>(insns.data());
  attr.insn_cnt = static_cast<std::uint32_t>(insns.size());
  static constexpr char kLicense[] = "GPL";
  attr.license = reinterpret_cast<std::uint64_t>(kLicense);
  return Descriptor(call(BPF_PROG_LOAD, attr));
}

/// Why the kernel cannot referee here; nothing when it can.
inline std::optional<std::string> unavailable() {
  const std::array program{Insn(0xb7, 0, 0, 0, 2), Insn(0x95, 0, 0, 0, 0)};
  const Descriptor fd = load(ProgType::xdp, program);
  if (fd.ok()) return std::nullopt;
  return std::string("bpf(2) is refused here: ") + std::strerror(-fd.get());
}

/// The same for what changes between releases: a kernel older than the 6.18 that skep follows cannot referee it either.
inline std::optional<std::string> unavailable_or_older() {
  utsname system{};
  ::uname(&system);
  int major = 0;
  int minor = 0;
  std::sscanf(system.release, "%d.%d", &major, &minor);
  if (major > 6 || (major == 6 && minor >= 18)) return unavailable();
  return std::string("the referee is Linux 6.18, this is ") + system.release;
}

/// What a test run of an XDP program gave.
struct XdpRun {
  int sys = 0;                  ///< negative errno of the call itself
  std::uint32_t value = 0;      ///< r0
  std::vector<std::byte> data;  ///< metadata and packet
  xdp_md context{};             ///< data, data_end: offsets into `data`
};

inline XdpRun run_xdp(const Descriptor& program, std::span<const std::byte> frame) {
  XdpRun run;
  run.data.resize(8192);
  xdp_md in{};
  in.data_end = static_cast<std::uint32_t>(frame.size());
  bpf_attr attr{};
  attr.test.prog_fd = static_cast<std::uint32_t>(program.get());
  attr.test.data_in = reinterpret_cast<std::uint64_t>(frame.data());
  attr.test.data_size_in = static_cast<std::uint32_t>(frame.size());
  attr.test.data_out = reinterpret_cast<std::uint64_t>(run.data.data());
  attr.test.data_size_out = static_cast<std::uint32_t>(run.data.size());
  attr.test.ctx_in = reinterpret_cast<std::uint64_t>(&in);
  attr.test.ctx_size_in = sizeof(in);
  attr.test.ctx_out = reinterpret_cast<std::uint64_t>(&run.context);
  attr.test.ctx_size_out = sizeof(run.context);
  attr.test.repeat = 1;
  run.sys = call(BPF_PROG_TEST_RUN, attr);
  run.value = attr.test.retval;
  run.data.resize(run.sys < 0 ? 0 : attr.test.data_size_out);
  return run;
}

}  // namespace skep::kernel
