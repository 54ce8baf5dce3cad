// Clocks. All time comes from the host, so a run with a fixed host can be replayed.
#include "helpers/family.hpp"

namespace skep::helpers {
namespace {

template <Clock clock>
std::uint64_t now(Env& env, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t) noexcept {
  return env.host().now_ns(clock);
}

std::uint64_t jiffies(Env& env, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t) noexcept {
  return env.host().jiffies();
}

}  // namespace

std::span<const Row> time_rows() noexcept {
  static constexpr Row kRows[] = {
      {abi::HelperId::ktime_get_ns, now<Clock::monotonic>},
      {abi::HelperId::ktime_get_boot_ns, now<Clock::boot>},
      {abi::HelperId::ktime_get_tai_ns, now<Clock::tai>},
      {abi::HelperId::ktime_get_coarse_ns, now<Clock::monotonic_coarse>},
      {abi::HelperId::jiffies64, jiffies},
  };
  return kRows;
}

}  // namespace skep::helpers
