// A run without an engine: regions, a host that always answers the same, and calls back into C++ functions.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "abi/helper.hpp"
#include "helpers/env.hpp"

namespace skep::fake {

/// Answers with fixed values; `foreign` is memory that bpf_probe_read* may see.
class FixedHost final : public Host {
 public:
  struct Foreign {
    MemorySpace space = MemorySpace::kernel;
    std::uint64_t address = 0;
    std::vector<std::byte> bytes;
  };
  std::vector<Foreign> foreign;
  std::vector<std::string> lines;
  Task who{.tgid = 100, .pid = 101, .uid = 1000, .gid = 2000, .comm = {'f', 'a', 'k', 'e'}};

  std::uint64_t now_ns(Clock clock) noexcept override { return 1000 + static_cast<std::uint64_t>(clock); }
  std::uint64_t jiffies() noexcept override { return 4'294'667'296 + 7; }
  std::uint32_t random_u32() noexcept override { return 0xdeadbeef; }
  Task task() noexcept override { return who; }
  unsigned cpu_count() noexcept override { return 4; }
  unsigned acquire_cpu() noexcept override { return 3; }
  void release_cpu(unsigned) noexcept override {}
  unsigned numa_node(unsigned cpu) noexcept override { return cpu + 10; }
  bool read_memory(MemorySpace space, std::uint64_t address, std::span<std::byte> out) noexcept override {
    for (const Foreign& area : foreign) {
      if (area.space != space || address < area.address) continue;
      const std::uint64_t off = address - area.address;
      if (off > area.bytes.size() || out.size() > area.bytes.size() - off) continue;
      std::copy_n(area.bytes.begin() + static_cast<std::ptrdiff_t>(off), out.size(), out.begin());
      return true;
    }
    return false;
  }
  void trace(const TraceLine& line) noexcept override { lines.emplace_back(line.text); }
};

class FakeEnv final : public helpers::Env {
 public:
  using Function = std::function<std::uint64_t(const std::array<std::uint64_t, 5>&)>;

  explicit FakeEnv(Context& context) : context_(context) {}

  FixedHost fixed_host;
  std::vector<std::span<std::byte>> regions;
  std::vector<Function> functions;  ///< called back by index
  int changes = 0;
  std::size_t max_records = 2;
  std::size_t max_loans = 4;
  std::size_t calls_before_fault = ~std::size_t{0};
  std::vector<std::pair<const std::byte*, std::uint64_t>> loans;
  std::vector<std::pair<maps::RingBufferMap*, std::byte*>> records;
  std::vector<std::shared_ptr<maps::MapStorage>> held_maps;

  Host& host() noexcept override { return fixed_host; }
  Context& context() noexcept override { return context_; }
  unsigned cpu() noexcept override { return fixed_host.acquire_cpu(); }
  const std::byte* readable(std::uint64_t address, std::uint64_t size) noexcept override {
    return writable(address, size);
  }
  std::byte* writable(std::uint64_t address, std::uint64_t size) noexcept override {
    for (const auto region : regions) {
      const auto base = reinterpret_cast<std::uint64_t>(region.data());
      if (address >= base && address - base <= region.size() && size <= region.size() - (address - base))
        return region.data() + (address - base);
    }
    return nullptr;
  }
  bool call_back(std::uint64_t function, const std::array<std::uint64_t, 5>& args, std::uint64_t& r0) override {
    if (calls_before_fault-- == 0) return false;
    r0 = functions.at(function)(args);
    return true;
  }
  bool hold_record(maps::RingBufferMap& ring, std::byte* record, std::uint64_t) noexcept override {
    if (records.size() >= max_records) return false;
    records.emplace_back(&ring, record);
    return true;
  }
  maps::RingBufferMap* release_record(std::byte* record) noexcept override {
    const auto found = std::ranges::find(records, record, &std::pair<maps::RingBufferMap*, std::byte*>::second);
    if (found == records.end()) return nullptr;
    maps::RingBufferMap* ring = found->first;
    records.erase(found);
    return ring;
  }
  bool hold_map(std::shared_ptr<maps::MapStorage> map) noexcept override {
    held_maps.push_back(std::move(map));
    return true;
  }
  bool lend(const std::byte* base, std::uint64_t size, bool) noexcept override {
    if (loans.size() >= max_loans) return false;
    loans.emplace_back(base, size);
    return true;
  }
  void unlend() noexcept override { loans.pop_back(); }
  // Strings of the test's own lie in no region; the guard would have seen their end.
  std::uint64_t readable_room(std::uint64_t address) noexcept override {
    for (const auto region : regions) {
      const std::uint64_t at = address - reinterpret_cast<std::uint64_t>(region.data());
      if (at < region.size()) return region.size() - at;
    }
    return std::strlen(reinterpret_cast<const char*>(address)) + 1;
  }
  void regions_changed() noexcept override { ++changes; }

  /// Calls a built-in helper the way an engine does.
  std::int64_t call(abi::HelperId id, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
                    std::uint64_t d = 0, std::uint64_t e = 0) {
    return static_cast<std::int64_t>(helpers::builtin(static_cast<std::uint32_t>(id))(*this, a, b, c, d, e));
  }

 private:
  Context& context_;
};

/// A pointer as a register holds it.
inline std::uint64_t address_of(const void* pointer) { return reinterpret_cast<std::uint64_t>(pointer); }

}  // namespace skep::fake
