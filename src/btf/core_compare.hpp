// When a type of an object and a type of a kernel count as the same thing: the rules of CO-RE.
//
// Three questions, each with rules of its own, after libbpf's: may a field of the one type stand for a field of the
// other, may the types stand for each other, do they match member by member. Comparing walks two graphs that may come
// from an attacker, so each step is paid for out of a CoreWork, and depth is bounded.
#pragma once

#include <cstdint>
#include <string_view>

#include "btf/btf.hpp"

namespace skep::btf {

/// Steps that resolving may still take. One step is about one pair of types, members or enumerators.
class CoreWork {
 public:
  explicit CoreWork(std::uint64_t steps) noexcept : left_(steps) {}
  /// Takes `steps`; false, for good, when there are not as many left.
  [[nodiscard]] bool spend(std::uint64_t steps) noexcept {
    left_ = steps <= left_ ? left_ - steps : 0;
    return left_ != 0;
  }
  /// Takes what comparing two names costs.
  [[nodiscard]] bool spend_on(std::string_view a, std::string_view b) noexcept {
    constexpr std::size_t kBytesAStep = 32;
    return spend(1 + (a.size() + b.size()) / kBytesAStep);
  }

 private:
  std::uint64_t left_;
};

/// The outcome of a comparison; all but `no` and `yes` are errors.
enum class Match : std::uint8_t { no, yes, too_deep, too_much_work, no_size };

/// Members, prototypes and pointers that a comparison follows, as in libbpf.
inline constexpr int kMaxCompareDepth = 32;

/// A name without its flavour: "task_struct" of "task_struct___v2".
[[nodiscard]] std::string_view essential_name(std::string_view name) noexcept;
/// True for equal kinds, and for the two kinds of enum.
[[nodiscard]] bool same_kind(Kind a, Kind b) noexcept;
[[nodiscard]] bool is_composite(Kind kind) noexcept;
[[nodiscard]] bool is_enum(Kind kind) noexcept;

/// Compares types of two graphs, which outlive it.
class CoreComparison {
 public:
  CoreComparison(const Btf& local, const Btf& target, CoreWork& work) : local_(local), target_(target), work_(work) {}

  /// May a field of type `target` be read where one of type `local` was meant? Structs and unions are all alike, as are
  /// pointers and integers; enums go by name; of arrays only the elements count.
  [[nodiscard]] Match fields(TypeId local, TypeId target) const;
  /// Are the types of one kind, through pointers and arrays, and prototypes parameter by parameter?
  [[nodiscard]] Match compatible(TypeId local, TypeId target, int levels = kMaxCompareDepth) const;
  /// Has `target` all that `local` declares: members by name and matching type, enumerators by name, integers by size
  /// and sign? Behind a pointer, names and kinds are enough.
  [[nodiscard]] Match matching(TypeId local, TypeId target, bool behind_pointer = false,
                               int levels = kMaxCompareDepth) const;

  [[nodiscard]] const Btf& local() const noexcept { return local_; }
  [[nodiscard]] const Btf& target() const noexcept { return target_; }
  [[nodiscard]] CoreWork& work() const noexcept { return work_; }

 private:
  [[nodiscard]] Match same_names(std::string_view local, std::string_view target) const;
  [[nodiscard]] Match matching_enums(const Type& local, const Type& target) const;
  [[nodiscard]] Match matching_members(const Type& local, const Type& target, int levels) const;
  [[nodiscard]] Match matching_parameters(const Type& local, const Type& target, bool behind_pointer, int levels) const;

  const Btf& local_;
  const Btf& target_;
  CoreWork& work_;
};

}  // namespace skep::btf
