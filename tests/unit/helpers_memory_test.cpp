// Reading made-up addresses, and what a host tells: time, task, CPU, random numbers.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "support/fake_env.hpp"
#include "support/helper_oracle.hpp"

using namespace skep;
using abi::HelperId;
using fake::address_of;
using fake::FakeEnv;

namespace {

constexpr std::uint64_t kKernelAddress = 0xffff'8880'0000'0ff0;  // its 17th byte is on the next page
constexpr std::uint64_t kUserAddress = 0x1000'0ff8;

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// An environment, and a 64-byte destination that is no region and starts as all ones.
struct Scene {
  RawContext context;
  FakeEnv env{context};
  std::array<std::byte, 64> out;

  Scene() {
    out.fill(std::byte{0xff});
    env.fixed_host.foreign.push_back({MemorySpace::kernel, kKernelAddress, bytes_of("kernel text over two pages\0x")});
    env.fixed_host.foreign.push_back({MemorySpace::user, kUserAddress, bytes_of("user text over two pages")});
    env.fixed_host.foreign.back().bytes.push_back(std::byte{0});
    env.fixed_host.foreign.front().bytes.push_back(std::byte{0});
  }
  std::int64_t read(HelperId id, std::uint64_t size, std::uint64_t address) {
    return env.call(id, address_of(out.data()), size, address);
  }
  [[nodiscard]] std::string text() const { return {reinterpret_cast<const char*>(out.data())}; }
  [[nodiscard]] bool zeroed(std::size_t size) const {
    return std::all_of(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size),
                       [](std::byte byte) { return byte == std::byte{0}; }) &&
           (size == out.size() || out[size] == std::byte{0xff});
  }
};

}  // namespace

TEST_CASE("bpf_probe_read copies from the run's regions and from what the host shows, and from the right space") {
  Scene scene;
  CHECK(scene.read(HelperId::probe_read_kernel, 6, kKernelAddress) == 0);
  CHECK(std::memcmp(scene.out.data(), "kernel\xff", 7) == 0);
  CHECK(scene.read(HelperId::probe_read_user, 4, kUserAddress) == 0);
  CHECK(std::memcmp(scene.out.data(), "userel\xff", 7) == 0);
  CHECK(scene.read(HelperId::probe_read, 6, kKernelAddress) == 0);
  CHECK(scene.read(HelperId::probe_read, 4, kUserAddress) == 0);
  CHECK(scene.read(HelperId::copy_from_user, 4, kUserAddress) == 0);
  CHECK(scene.read(HelperId::probe_read_user, 4, kKernelAddress) == -EFAULT);
  CHECK(scene.read(HelperId::probe_read_kernel, 4, kUserAddress) == -ERANGE);
  CHECK(scene.read(HelperId::copy_from_user, 4, kKernelAddress) == -EFAULT);

  auto own = bytes_of("own memory");
  scene.env.regions.emplace_back(own);
  CHECK(scene.read(HelperId::probe_read_kernel, own.size(), address_of(own.data())) == 0);
  CHECK(std::memcmp(scene.out.data(), "own memory", own.size()) == 0);
}

TEST_CASE("a failed bpf_probe_read zeroes its destination, and no more") {
  for (const HelperId id :
       {HelperId::probe_read, HelperId::probe_read_str, HelperId::probe_read_user, HelperId::probe_read_user_str,
        HelperId::probe_read_kernel, HelperId::probe_read_kernel_str, HelperId::copy_from_user})
    for (const std::uint64_t address :
         {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}, ~std::uint64_t{0} - 7, std::uint64_t{1} << 63,
          (std::uint64_t{1} << 63) - 1, std::uint64_t{0x7fffffffefff}, kKernelAddress - 1, kUserAddress + 25}) {
      Scene scene;
      CAPTURE(address);
      CHECK(scene.read(id, 16, address) < 0);
      CHECK(scene.zeroed(16));
      Scene empty;
      CHECK(empty.read(id, 0, address) == 0);
      CHECK(empty.zeroed(0));
    }
  Scene overlong;
  CHECK(overlong.read(HelperId::probe_read_user, 26, kUserAddress) == -EFAULT);
  CHECK(overlong.zeroed(26));
}

TEST_CASE("a failed bpf_probe_read* gives the running kernel's error") {
  if (const auto reason = kernel::unavailable_or_older()) {
    MESSAGE("SKIP: ", *reason);
    return;
  }
  kernel::HelperOracle oracle;
  using Arg = kernel::HelperOracle::Arg;
  std::size_t checked = 0;
  for (const HelperId id : {HelperId::probe_read_user, HelperId::probe_read_user_str, HelperId::probe_read_kernel,
                            HelperId::probe_read_kernel_str})
    for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x10000},
                                        std::uint64_t{0x7fffffffefff}, ~std::uint64_t{0} - 7, ~std::uint64_t{0}}) {
      kernel::HelperOracle::Data data;
      data.fill(std::byte{0xff});
      const auto theirs = oracle.call(
          id,
          {Arg{Arg::data, 0}, Arg{Arg::number, 16}, Arg{Arg::number, static_cast<std::int64_t>(address)}, Arg{}, Arg{}},
          data);
      REQUIRE(theirs);
      Scene scene;
      CAPTURE(address);
      CHECK(scene.read(id, 16, address) == theirs->r0);
      CHECK(std::memcmp(scene.out.data(), theirs->data.data(), scene.out.size()) == 0);
      ++checked;
    }
  CHECK(checked == 24);
}

TEST_CASE("bpf_probe_read_str gives the length with the NUL, and cuts what does not fit") {
  Scene scene;
  CHECK(scene.read(HelperId::probe_read_user_str, 64, kUserAddress) == 25);
  CHECK(scene.text() == "user text over two pages");
  CHECK(scene.read(HelperId::probe_read_user_str, 25, kUserAddress) == 25);
  CHECK(scene.text() == "user text over two pages");
  CHECK(scene.read(HelperId::probe_read_user_str, 24, kUserAddress) == 24);
  CHECK(scene.text() == "user text over two page");
  CHECK(scene.read(HelperId::probe_read_user_str, 1, kUserAddress) == 1);
  CHECK(scene.text().empty());
  CHECK(scene.read(HelperId::probe_read_str, 64, kKernelAddress) == 27);
  CHECK(scene.text() == "kernel text over two pages");
  CHECK(scene.read(HelperId::probe_read_kernel_str, 64, kKernelAddress + 26) == 1);
}

TEST_CASE("a string in a region shorter than the buffer is read to its NUL and not beyond") {
  Scene scene;
  for (std::size_t length = 0; length < 40; ++length) {
    std::vector<std::byte> own = bytes_of(std::string(length, 'x'));
    own.push_back(std::byte{0});
    scene.env.regions = {own};
    CHECK(scene.read(HelperId::probe_read_kernel_str, 64, address_of(own.data())) ==
          static_cast<std::int64_t>(length) + 1);
    CHECK(scene.text() == std::string(length, 'x'));
    own.back() = std::byte{'y'};  // no NUL in the region
    CHECK(scene.read(HelperId::probe_read_kernel_str, 64, address_of(own.data())) == -ERANGE);
  }
}

TEST_CASE("time, random numbers, task and CPU are the host's") {
  Scene scene;
  FakeEnv& env = scene.env;
  CHECK(env.call(HelperId::ktime_get_ns) == 1000);
  CHECK(env.call(HelperId::ktime_get_boot_ns) == 1001);
  CHECK(env.call(HelperId::ktime_get_tai_ns) == 1002);
  CHECK(env.call(HelperId::ktime_get_coarse_ns) == 1003);
  CHECK(env.call(HelperId::jiffies64) == 4'294'667'303);
  CHECK(env.call(HelperId::get_prandom_u32) == 0xdeadbeef);
  CHECK(env.call(HelperId::get_current_pid_tgid) == (100ll << 32 | 101));
  CHECK(env.call(HelperId::get_current_uid_gid) == (2000ll << 32 | 1000));
  CHECK(env.call(HelperId::get_smp_processor_id) == 3);
  CHECK(env.call(HelperId::get_numa_node_id) == 13);
}

TEST_CASE("bpf_get_current_comm cuts the name, ends it and pads it with zeros") {
  Scene scene;
  CHECK(scene.env.call(HelperId::get_current_comm, address_of(scene.out.data()), 16) == 0);
  CHECK(scene.text() == "fake");
  CHECK(scene.out[15] == std::byte{0});
  CHECK(scene.out[16] == std::byte{0xff});
  CHECK(scene.env.call(HelperId::get_current_comm, address_of(scene.out.data()), 3) == 0);
  CHECK(scene.text() == "fa");
  CHECK(scene.env.call(HelperId::get_current_comm, address_of(scene.out.data()), 1) == 0);
  CHECK(scene.text().empty());
  scene.env.fixed_host.who.comm.fill('n');  // not terminated
  CHECK(scene.env.call(HelperId::get_current_comm, address_of(scene.out.data()), 40) == 0);
  CHECK(scene.text() == std::string(16, 'n'));
}

TEST_CASE("at least 44 helpers of the table have code; the tail call, which the engine does, has none") {
  std::size_t built = 0;
  for (const abi::Helper& helper : abi::helpers()) {
    CAPTURE(helper.name);
    if (helpers::builtin(helper.id) == nullptr) continue;
    ++built;
    CHECK((helper.effects & abi::tail_calls) == 0);  // the engine's own
  }
  CHECK(built >= 44);
  CHECK((helpers::builtin(0) == nullptr));
  CHECK((helpers::builtin(~0u) == nullptr));
}
