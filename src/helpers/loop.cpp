// Helpers that run functions of the program. When the run ends in a fault inside one, they stop at once: r0 no longer
// matters.
#include "helpers/family.hpp"

namespace skep::helpers {
namespace {

std::uint64_t loop(Env& env, std::uint64_t count_value, std::uint64_t function, std::uint64_t ctx, std::uint64_t flags,
                   std::uint64_t) {
  const auto count = static_cast<std::uint32_t>(count_value);
  if (flags != 0) return r0(-EINVAL);
  if (count > kMaxLoops) return r0(-E2BIG);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint64_t stop = 0;
    if (!env.call_back(function, {i, ctx, 0, 0, 0}, stop)) return 0;
    if (stop != 0) return i + 1;
  }
  return count;
}

/// One walk over a map's entries.
struct Walk {
  Env& env;
  maps::MapStorage& map;
  std::uint64_t function;
  std::uint64_t ctx;
  std::int64_t error = 0;

  // Whether to go on. The key is the storage's, so the program may only read it.
  bool visit(const std::byte* key, std::byte* value) {
    if (!env.lend(key, map.spec().key_size, false)) {
      error = -EBUSY;
      return false;
    }
    std::uint64_t stop = 0;
    const bool alive = env.call_back(function,
                                     {reinterpret_cast<std::uint64_t>(&map), reinterpret_cast<std::uint64_t>(key),
                                      reinterpret_cast<std::uint64_t>(value), ctx, 0},
                                     stop);
    env.unlend();
    return alive && stop == 0;
  }
};

std::uint64_t for_each(Env& env, std::uint64_t map, std::uint64_t function, std::uint64_t ctx, std::uint64_t flags,
                       std::uint64_t) {
  if (flags != 0) return r0(-EINVAL);
  maps::MapStorage& storage = map_of(map);
  Walk walk{env, storage, function, ctx};
  const unsigned cpu = lane_of(env, storage);
  // One captured pointer: std::function keeps it without allocating.
  const std::int64_t visits =
      storage.visit(cpu, [&walk](const std::byte* key, std::byte* value) { return walk.visit(key, value); });
  return r0(walk.error != 0 ? walk.error : visits);
}

}  // namespace

std::span<const Row> loop_rows() noexcept {
  static constexpr Row kRows[] = {
      {abi::HelperId::loop, loop},
      {abi::HelperId::for_each_map_elem, for_each},
  };
  return kRows;
}

}  // namespace skep::helpers
