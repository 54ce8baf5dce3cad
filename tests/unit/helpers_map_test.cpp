// Map, ring-buffer, callback and XDP helpers: what they hand to the storage, the run and the packet.
#include <doctest/doctest.h>

#include <linux/bpf.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "support/fake_env.hpp"

using namespace skep;
using abi::HelperId;
using fake::address_of;
using fake::FakeEnv;

namespace {

/// 4-byte keys, 8-byte values, and a note of the CPU last asked for.
class FakeMap final : public maps::MapStorage {
 public:
  explicit FakeMap(MapType type, bool per_cpu = false, std::uint32_t key_size = 4)
      : MapStorage(MapSpec{.type = type, .key_size = key_size, .value_size = 8}, 4), per_cpu_(per_cpu) {}

  std::map<std::uint32_t, std::array<std::byte, 8>> entries;
  unsigned asked_cpu = 99;
  std::uint64_t asked_flags = 99;

  bool per_cpu() const noexcept override { return per_cpu_; }
  std::byte* lookup(const std::byte* key, unsigned cpu) noexcept override {
    asked_cpu = cpu;
    const auto found = entries.find(number(key));
    return found == entries.end() ? nullptr : found->second.data();
  }
  int update(const std::byte* key, const std::byte* value, std::uint64_t flags, unsigned cpu) noexcept override {
    asked_cpu = cpu;
    asked_flags = flags;
    std::memcpy(entries[number(key)].data(), value, 8);
    return flags > 2 ? -EINVAL : 0;
  }
  int erase(const std::byte* key) noexcept override { return entries.erase(number(key)) == 1 ? 0 : -ENOENT; }
  std::int64_t visit(unsigned cpu, const std::function<bool(const std::byte*, std::byte*)>& visit) override {
    asked_cpu = cpu;
    std::int64_t visits = 0;
    for (auto& [key, value] : entries) {
      ++visits;
      if (!visit(reinterpret_cast<const std::byte*>(&key), value.data())) break;
    }
    return visits;
  }

 private:
  static std::uint32_t number(const std::byte* key) {
    std::uint32_t value;
    std::memcpy(&value, key, sizeof(value));
    return value;
  }
  bool per_cpu_;
};

class FakeRing final : public maps::RingBufferMap {
 public:
  FakeRing() : RingBufferMap(MapSpec{.type = MapType::ringbuf}, 1) {}
  std::array<std::byte, 64> record{};
  bool full = false;
  std::vector<std::string> calls;

  maps::RingBufferMap* ring_buffer() noexcept override { return this; }
  std::byte* reserve(std::uint64_t) noexcept override { return full ? nullptr : record.data(); }
  void submit(std::byte*, std::uint64_t flags) noexcept override { calls.push_back("submit " + std::to_string(flags)); }
  void discard(std::byte*, std::uint64_t flags) noexcept override {
    calls.push_back("discard " + std::to_string(flags));
  }
  int output(const std::byte*, std::uint64_t size, std::uint64_t flags) noexcept override {
    calls.push_back("output " + std::to_string(size) + " " + std::to_string(flags));
    return full ? -EAGAIN : 0;
  }
  std::uint64_t query(std::uint64_t what) const noexcept override { return what + 40; }
  std::size_t consume(const std::function<bool(std::span<const std::byte>)>&) override { return 0; }
  int event_fd() const noexcept override { return -1; }
};

std::uint64_t map_address(maps::MapStorage& map) { return address_of(&map); }

}  // namespace

TEST_CASE("map helpers reach the storage with key, value and flags, and its answer reaches r0") {
  RawContext context;
  FakeEnv env(context);
  FakeMap map(MapType::hash);
  const std::uint32_t key = 7;
  const std::uint64_t value = 0x1122334455667788;
  const auto call = [&](HelperId id, std::uint64_t c = 0, std::uint64_t d = 0) {
    return env.call(id, map_address(map), address_of(&key), c, d);
  };
  CHECK(call(HelperId::map_lookup_elem) == 0);
  CHECK(call(HelperId::map_delete_elem) == -ENOENT);
  CHECK(call(HelperId::map_update_elem, address_of(&value), 2) == 0);
  CHECK(map.asked_flags == 2);
  CHECK(call(HelperId::map_update_elem, address_of(&value), 9) == -EINVAL);
  CHECK(static_cast<std::uint64_t>(call(HelperId::map_lookup_elem)) == address_of(map.entries.at(7).data()));
  CHECK(std::memcmp(map.entries.at(7).data(), &value, sizeof(value)) == 0);
  CHECK(map.asked_cpu == 0);
  CHECK(call(HelperId::map_delete_elem) == 0);
  CHECK(map.entries.empty());
}

TEST_CASE("per-CPU maps are asked for the run's CPU, or for the one that the program names") {
  RawContext context;
  FakeEnv env(context);
  FakeMap map(MapType::percpu_hash, true);
  map.entries[7] = {};
  const std::uint32_t key = 7;
  const auto lookup_percpu = [&](maps::MapStorage& storage, std::uint64_t cpu) {
    return env.call(HelperId::map_lookup_percpu_elem, map_address(storage), address_of(&key), cpu);
  };
  CHECK(env.call(HelperId::map_lookup_elem, map_address(map), address_of(&key)) != 0);
  CHECK(map.asked_cpu == 3);
  CHECK(lookup_percpu(map, 1) != 0);
  CHECK(map.asked_cpu == 1);
  for (const std::uint64_t cpu : {4ull, 0xffffffffull, 0x7fffffffull}) CHECK(lookup_percpu(map, cpu) == 0);
  FakeMap plain(MapType::hash);
  plain.entries[7] = {};
  CHECK(lookup_percpu(plain, 0) == 0);
}

TEST_CASE("a ring-buffer record is the run's from reserve until submit or discard") {
  RawContext context;
  FakeEnv env(context);
  FakeRing ring;
  const std::uint64_t map = map_address(ring);
  const auto reserve = [&](std::uint64_t flags = 0) { return env.call(HelperId::ringbuf_reserve, map, 8, flags); };
  CHECK(reserve(1) == 0);
  const auto record = static_cast<std::uint64_t>(reserve());
  CHECK(record == address_of(ring.record.data()));
  CHECK(env.records.size() == 1);
  CHECK(env.call(HelperId::ringbuf_submit, record, 2) == 0);
  CHECK(env.records.empty());
  CHECK(env.call(HelperId::ringbuf_submit, record, 2) == 0);  // no longer held: nothing happens
  CHECK(ring.calls == std::vector<std::string>{"submit 2"});
  CHECK(static_cast<std::uint64_t>(reserve()) == record);
  CHECK(env.call(HelperId::ringbuf_discard, record, 1) == 0);
  CHECK(ring.calls.back() == "discard 1");

  env.max_records = 0;
  CHECK(reserve() == 0);
  CHECK(ring.calls.back() == "discard 0");  // what the run may not hold goes back
  ring.full = true;
  CHECK(reserve() == 0);
  CHECK(env.call(HelperId::ringbuf_output, map, address_of("x"), 1, 2) == -EAGAIN);
  CHECK(ring.calls.back() == "output 1 2");
  CHECK(env.call(HelperId::ringbuf_query, map, 2) == 42);

  FakeMap other(MapType::hash);
  CHECK(env.call(HelperId::ringbuf_reserve, map_address(other), 8, 0) == 0);
  CHECK(env.call(HelperId::ringbuf_output, map_address(other), address_of("x"), 1, 0) == -EINVAL);
  CHECK(env.call(HelperId::ringbuf_query, map_address(other), 0) == 0);
}

TEST_CASE("bpf_loop counts its calls, stops on 1, and refuses flags and more than 1<<23 loops") {
  RawContext context;
  FakeEnv env(context);
  std::uint64_t seen = 0;
  env.functions.emplace_back([&](const auto& args) {
    CHECK(args[0] == seen++);
    CHECK(args[1] == 77);
    return args[0] == 4 ? 1 : 0;
  });
  const auto loop = [&](std::uint64_t count, std::uint64_t flags = 0) {
    seen = 0;
    return env.call(HelperId::loop, count, 0, 77, flags);
  };
  CHECK(loop(3) == 3);
  CHECK(loop(100) == 5);
  CHECK(loop(0) == 0);
  CHECK(loop((1 << 23) + 1) == -E2BIG);
  CHECK(loop(~0ull) == -E2BIG);
  CHECK(loop((1ull << 32) + 2) == 2);  // the count has 32 bits
  CHECK(loop(3, 1) == -EINVAL);
  CHECK(loop(~0ull, 1) == -EINVAL);
  env.calls_before_fault = 2;
  CHECK(loop(100) == 0);
  CHECK(seen == 2);
}

TEST_CASE("bpf_for_each_map_elem lends each key to the callback, and stops on 1") {
  RawContext context;
  FakeEnv env(context);
  FakeMap map(MapType::percpu_hash, true);
  for (std::uint32_t key = 0; key < 5; ++key) map.entries[key] = {};
  std::vector<std::uint32_t> keys;
  std::uint32_t stop_at = 99;
  env.functions.emplace_back([&](const auto& args) -> std::uint64_t {
    CHECK(args[0] == map_address(map));
    REQUIRE(env.loans.size() == 1);
    CHECK(address_of(env.loans[0].first) == args[1]);
    CHECK(env.loans[0].second == 4);
    std::memcpy(&keys.emplace_back(), env.loans[0].first, 4);
    CHECK(args[2] == address_of(map.entries.at(keys.back()).data()));
    CHECK(args[3] == 5);
    return keys.back() == stop_at ? 1 : 0;
  });
  const auto for_each = [&](std::uint64_t flags = 0) {
    keys.clear();
    return env.call(HelperId::for_each_map_elem, map_address(map), 0, 5, flags);
  };
  CHECK(for_each() == 5);
  CHECK(keys == std::vector<std::uint32_t>{0, 1, 2, 3, 4});
  CHECK(map.asked_cpu == 3);
  CHECK(env.loans.empty());
  stop_at = 1;
  CHECK(for_each() == 2);
  CHECK(for_each(1) == -EINVAL);
  env.max_loans = 0;
  CHECK(for_each() == -EBUSY);
  CHECK(keys.empty());
  env.max_loans = 1;
  env.calls_before_fault = 1;
  for_each();
  CHECK(keys.size() == 1);
  CHECK(env.loans.empty());
}

TEST_CASE("XDP helpers work on the packet and void the checks when they move it") {
  const std::string text = "sixteen bytes..., and sixteen more";
  XdpPacket packet(std::as_bytes(std::span(text)));
  FakeEnv env(packet);
  CHECK(env.call(HelperId::xdp_get_buff_len, 0) == static_cast<std::int64_t>(text.size()));
  std::array<char, 8> out{};
  CHECK(env.call(HelperId::xdp_load_bytes, 0, 8, address_of(out.data()), 5) == 0);
  CHECK(std::string(out.data()) == "bytes");
  CHECK(env.call(HelperId::xdp_load_bytes, 0, text.size(), address_of(out.data()), 1) == -EINVAL);
  CHECK(env.call(HelperId::xdp_store_bytes, 0, 0, address_of("SIX"), 3) == 0);
  CHECK(std::memcmp(packet.frame().data(), "SIXteen", 7) == 0);
  CHECK(env.changes == 0);
  CHECK(env.call(HelperId::xdp_adjust_head, 0, 8) == 0);
  CHECK(env.call(HelperId::xdp_adjust_tail, 0, static_cast<std::uint64_t>(-4)) == 0);
  CHECK(env.call(HelperId::xdp_adjust_meta, 0, static_cast<std::uint64_t>(-4)) == 0);
  CHECK(env.changes == 3);
  CHECK(packet.frame().size() == text.size() - 12);
  CHECK(packet.meta().size() == 4);
}

TEST_CASE("bpf_redirect records the interface, and refuses flags in XDP") {
  XdpPacket packet({});
  FakeEnv env(packet);
  CHECK(env.call(HelperId::redirect, 9, 1) == XDP_ABORTED);
  CHECK_FALSE(packet.redirect());
  CHECK(env.call(HelperId::redirect, 9, 0) == XDP_REDIRECT);
  REQUIRE(packet.redirect());
  CHECK(packet.redirect()->ifindex == 9);
  CHECK(packet.redirect()->map == nullptr);

  RawContext traffic_control;
  FakeEnv tc(traffic_control);
  CHECK(tc.call(HelperId::redirect, 9, 0) == 7);  // TC_ACT_REDIRECT
  CHECK(tc.call(HelperId::redirect, 9, 1) == 7);
  CHECK(tc.call(HelperId::redirect, 9, 2) == 2);  // TC_ACT_SHOT
}

TEST_CASE("bpf_redirect_map records map and key, or gives the low flag bits when there is no entry") {
  for (const MapType type : {MapType::devmap, MapType::devmap_hash, MapType::cpumap, MapType::xskmap}) {
    XdpPacket packet({});
    FakeEnv env(packet);
    FakeMap map(type);
    map.entries[4] = {};
    const auto redirect = [&](std::uint64_t key, std::uint64_t flags) {
      return env.call(HelperId::redirect_map, map_address(map), key, flags);
    };
    CHECK(redirect(5, 0) == XDP_ABORTED);
    CHECK(redirect(5, XDP_PASS) == XDP_PASS);
    CHECK(redirect(5, XDP_TX) == XDP_TX);
    CHECK(redirect(4, 4) == XDP_ABORTED);
    CHECK(redirect(4, 1ull << 40) == XDP_ABORTED);
    CHECK_FALSE(packet.redirect());
    CHECK(redirect(4, XDP_PASS) == XDP_REDIRECT);
    REQUIRE(packet.redirect());
    CHECK(packet.redirect()->map == &map);
    CHECK(packet.redirect()->key == 4);
    CHECK(redirect(5, XDP_PASS) == XDP_PASS);
    CHECK_FALSE(packet.redirect());
    const bool broadcasts = type == MapType::devmap || type == MapType::devmap_hash;
    CHECK(redirect(5, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS) == (broadcasts ? XDP_REDIRECT : XDP_ABORTED));
  }
}

TEST_CASE("XDP helpers without an XDP packet, or with a map of another kind, end in EINVAL") {
  RawContext context;
  FakeEnv env(context);
  std::array<std::byte, 8> bytes{};
  FakeMap map(MapType::devmap);
  map.entries[0] = {};
  for (const HelperId id :
       {HelperId::xdp_adjust_head, HelperId::xdp_adjust_tail, HelperId::xdp_adjust_meta, HelperId::xdp_get_buff_len})
    CHECK(env.call(id, 0, 0) == -EINVAL);
  CHECK(env.call(HelperId::xdp_load_bytes, 0, 0, address_of(bytes.data()), 8) == -EINVAL);
  CHECK(env.call(HelperId::xdp_store_bytes, 0, 0, address_of(bytes.data()), 8) == -EINVAL);
  CHECK(env.call(HelperId::redirect_map, map_address(map), 0, 0) == -EINVAL);
  XdpPacket packet({});
  FakeEnv xdp(packet);
  FakeMap hash(MapType::hash);
  FakeMap odd_keys(MapType::devmap, false, 8);
  CHECK(xdp.call(HelperId::redirect_map, map_address(hash), 0, 0) == -EINVAL);
  CHECK(xdp.call(HelperId::redirect_map, map_address(odd_keys), 0, 0) == -EINVAL);
}
