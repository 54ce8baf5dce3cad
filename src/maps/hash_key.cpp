// Where the secret numbers of a hash map come from.
#include "maps/hash_key.hpp"

#include <sys/random.h>

#include <cerrno>

namespace skep::maps {
namespace {

// SplitMix64, only to spread the fixed seed of BPF_F_ZERO_SEED over all numbers.
class Spread {
 public:
  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_ = 0;
};

bool fill_random(unsigned char* bytes, std::size_t size) noexcept {
  while (size > 0) {
    const ssize_t got = getrandom(bytes, size, 0);
    if (got < 0 && errno != EINTR) return false;
    if (got <= 0) continue;
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

std::optional<HashSeed> HashSeed::make(bool zero_seed) noexcept {
  std::array<std::uint64_t, 2 * (kBlockWords + 1)> words{};
  if (zero_seed) {
    Spread spread;
    for (auto& word : words) word = spread.next();
  } else if (!fill_random(reinterpret_cast<unsigned char*>(words.data()), sizeof words)) {
    return std::nullopt;
  }
  const auto number = [&](std::size_t index) { return (Uint128{words[2 * index]} << 64) | words[2 * index + 1]; };
  HashSeed seed;
  seed.addend_ = number(0);
  for (std::size_t i = 0; i < kBlockWords; ++i) seed.factors_[i] = number(i + 1);
  return seed;
}

}  // namespace skep::maps
