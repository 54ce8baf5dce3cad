// Keys of hash maps: how they are hashed, stored and compared, with a shorter road for 4, 8 and 16 bytes.
//
// The hash is Dietzfelbinger's multiply-shift over 64-bit words: with secret random 128-bit numbers a_i and b it is the
// upper half of  Σ a_i·w_i + b  mod 2^128. The family is strongly universal: for any two different keys, chosen without
// knowledge of the numbers, all pairs of hashes are equally likely, so that nobody can prepare keys that collide. Keys
// of more than kBlockWords words go block by block, each block's hash being a word of the next. Source: M.
// Dietzfelbinger, "Universal hashing and k-wise independent random variables via integer arithmetic" (1996).
//
// That promise is about pairs. Keys in steps (0, 8, 16, …) map to evenly spaced sums, which for one seed in a hundred
// pile up in few buckets; finish() breaks the spacing by folding the lower half in, where pairs stay as they are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

namespace skep::maps {

__extension__ using Uint128 = unsigned __int128;

/// The secret numbers of one map.
class HashSeed {
 public:
  static constexpr std::size_t kBlockWords = 16;

  /// Fresh random numbers, or (BPF_F_ZERO_SEED) the same ones for every such map. Nothing when the system has none to
  /// give.
  [[nodiscard]] static std::optional<HashSeed> make(bool zero_seed) noexcept;

  /// What word `index` of a block adds to the sum.
  [[nodiscard]] Uint128 term(std::size_t index, std::uint64_t word) const noexcept { return factors_[index] * word; }
  [[nodiscard]] Uint128 start() const noexcept { return addend_; }
  /// The hash of a sum. Whatever the lower halves of two sums are, the upper ones are independent, so that the xor is
  /// too; the multiplication permutes and brings all bits to the top, where buckets are told apart.
  [[nodiscard]] static std::uint64_t finish(Uint128 sum) noexcept {
    constexpr std::uint64_t kGoldenRatio = 0x9e3779b97f4a7c15u;
    return (static_cast<std::uint64_t>(sum >> 64) ^ static_cast<std::uint64_t>(sum)) * kGoldenRatio;
  }

 private:
  Uint128 addend_ = 0;
  std::array<Uint128, kBlockWords> factors_{};
};

/// Where a key lies in its node: 8-byte words that other threads may be reading while they are rewritten.
class KeyCell {
 public:
  explicit KeyCell(std::byte* at) : words_(reinterpret_cast<Word*>(at)) {}
  [[nodiscard]] std::uint64_t load(std::size_t index) const noexcept {
    return __atomic_load_n(words_ + index, __ATOMIC_ACQUIRE);
  }
  void store(std::size_t index, std::uint64_t word) const noexcept {
    __atomic_store_n(words_ + index, word, __ATOMIC_RELEASE);
  }

 private:
  using Word [[gnu::may_alias]] = std::uint64_t;
  Word* words_;
};

/// A key of exactly 4, 8 or 16 bytes, held in registers while it is looked for.
template <std::size_t kBytes>
class FixedKey {
 public:
  static constexpr bool kOneWord = kBytes <= 8;  ///< one load tells all, no need to look at a tag first
  static constexpr std::uint32_t kSize = kBytes;

  [[gnu::always_inline]] inline FixedKey(const std::byte* key, std::uint32_t /*key_size*/) noexcept {
    // Word by word, as the program has just stored them: a load wider than its stores waits until they are in memory.
    for (std::size_t i = 0; i < kWords; ++i) {
      Part part;
      std::memcpy(&part, key + i * sizeof part, sizeof part);
      asm("" : "+r"(part));  // or the compiler makes one vector of them
      words_[i] = part;
    }
  }

  [[nodiscard, gnu::always_inline]] inline std::uint64_t hash(const HashSeed& seed) const noexcept {
    Uint128 sum = seed.start();
    for (std::size_t i = 0; i < kWords; ++i) sum += seed.term(i, words_[i]);
    return HashSeed::finish(sum);
  }
  [[nodiscard, gnu::always_inline]] inline bool equals(KeyCell cell) const noexcept {
    for (std::size_t i = 0; i < kWords; ++i) {
      if (cell.load(i) != words_[i]) return false;
    }
    return true;
  }
  [[gnu::always_inline]] inline void store(KeyCell cell) const noexcept {
    for (std::size_t i = 0; i < kWords; ++i) cell.store(i, words_[i]);
  }

 private:
  static constexpr std::size_t kWords = (kBytes + 7) / 8;
  using Part = std::conditional_t<kBytes % 8 == 4, std::uint32_t, std::uint64_t>;
  static_assert(kWords * sizeof(Part) == kBytes);
  std::array<std::uint64_t, kWords> words_{};
};

/// A key of any other size, read where the caller keeps it. The last word is filled up with zeros.
class AnyKey {
 public:
  static constexpr bool kOneWord = false;
  static constexpr std::uint32_t kSize = 0;  ///< known only when it runs

  AnyKey(const std::byte* key, std::uint32_t key_size) noexcept : key_(key), size_(key_size) {}

  [[nodiscard]] std::uint64_t hash(const HashSeed& seed) const noexcept {
    Uint128 sum = seed.start();
    std::size_t in_block = 0;
    for (std::size_t i = 0; i < words(); ++i) {
      if (in_block == HashSeed::kBlockWords) {
        sum = seed.start() + seed.term(0, HashSeed::finish(sum));
        in_block = 1;
      }
      sum += seed.term(in_block++, word(i));
    }
    return HashSeed::finish(sum);
  }
  [[nodiscard]] bool equals(KeyCell cell) const noexcept {
    for (std::size_t i = 0; i < words(); ++i) {
      if (cell.load(i) != word(i)) return false;
    }
    return true;
  }
  void store(KeyCell cell) const noexcept {
    for (std::size_t i = 0; i < words(); ++i) cell.store(i, word(i));
  }

 private:
  [[nodiscard]] std::size_t words() const noexcept { return (std::size_t{size_} + 7) / 8; }
  [[nodiscard]] std::uint64_t word(std::size_t index) const noexcept {
    const std::size_t left = size_ - index * 8;
    return left >= 8 ? load<std::uint64_t>(index * 8) : tail(left);
  }
  // The last `left` < 8 bytes, by loads of fixed sizes that overlap: a copy of varying size would be a call.
  [[nodiscard]] std::uint64_t tail(std::size_t left) const noexcept {
    const std::size_t off = size_ - left;
    if (size_ >= 8) return load<std::uint64_t>(size_ - 8) >> (64 - 8 * left);
    if (left >= 4) return load<std::uint32_t>(off) | std::uint64_t{load<std::uint32_t>(size_ - 4)} << (8 * (left - 4));
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < left; ++i) word |= std::uint64_t{load<std::uint8_t>(off + i)} << (8 * i);
    return word;
  }
  template <class T>
  [[nodiscard]] T load(std::size_t off) const noexcept {
    T value;
    std::memcpy(&value, key_ + off, sizeof value);
    return value;
  }

  const std::byte* key_;
  std::uint32_t size_;
};

}  // namespace skep::maps
