// CO-RE: what an instruction must hold so that it means on a target what its source meant when it was compiled.
//
// A record asks about a field, type or enumerator of the object's types; the answer is a number found in the target's
// types (a kernel's). Types of the target are found by name without flavour and by kind; when several of them fit, they
// must agree. The rules are libbpf's, because objects rely on them: Documentation/bpf/llvm_reloc.rst, tools/lib/bpf.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "btf/btf.hpp"
#include "btf/core_compare.hpp"

namespace skep::btf {

/// enum bpf_core_relo_kind of Linux: the question a record asks.
enum class CoreKind : std::uint32_t {
  field_byte_offset = 0,
  field_byte_size = 1,
  field_exists = 2,
  field_signed = 3,
  field_lshift_u64 = 4,
  field_rshift_u64 = 5,
  type_id_local = 6,
  type_id_target = 7,
  type_exists = 8,
  type_size = 9,
  enumval_exists = 10,
  enumval_value = 11,
  type_matches = 12,
};
inline constexpr std::uint32_t kCoreKinds = 13;

/// Steps (see CoreWork) that all records of one object may take together: about a tenth of a second's worth.
inline constexpr std::uint64_t kMaxCoreSteps = 1u << 23;

/// What an instruction held for the local type, and what it must hold for the target.
struct CoreAnswer {
  std::uint64_t local = 0;
  std::uint64_t target = 0;
  bool missing = false;           ///< the target has no such thing, and the question has no answer for that: poison
  bool certain = true;            ///< the instruction must hold `local`; else compilers may differ
  bool resizable = true;          ///< a load of the field may change from local_bytes to target_bytes
  std::uint32_t local_bytes = 0;  ///< size of the field, where it could be loaded as one; 0 elsewhere
  std::uint32_t target_bytes = 0;
  friend bool operator==(const CoreAnswer&, const CoreAnswer&) = default;
};

/// Types of a target by name without flavour. Immutable; may be shared by threads. The target outlives it.
class CoreIndex {
 public:
  explicit CoreIndex(const Btf& target);
  /// All types that a local type may stand for by kind and name, ascending. Pays `work` for each it looks at.
  [[nodiscard]] std::vector<TypeId> candidates(const Type& local, CoreWork& work) const;
  [[nodiscard]] const Btf& target() const noexcept { return target_; }

 private:
  const Btf& target_;
  std::vector<TypeId> buckets_;  ///< first id of each chain; a power of two of them
  std::vector<TypeId> next_;     ///< next id in the chain, ascending; 0 ends it
};

/// Answers the records of one object, in their order: which of several fitting types stay in question depends on what
/// was asked of them before, as in libbpf. Not for concurrent use.
class CoreResolver {
 public:
  /// All arguments outlive it.
  CoreResolver(const Btf& local, const CoreIndex& index) : local_(local), index_(index) {}

  /// Errors (where is empty): a record that makes no sense for the local type, candidates that disagree, types that
  /// nest too deep, kMaxCoreSteps used up.
  [[nodiscard]] Result<CoreAnswer> resolve(const CoreReloc& reloc);

 private:
  const Btf& local_;
  const CoreIndex& index_;
  CoreWork work_{kMaxCoreSteps};
  std::unordered_map<TypeId, std::vector<TypeId>> candidates_;  ///< by local type
};

/// The answer to CoreKind::type_id_local, which needs no target.
[[nodiscard]] CoreAnswer answer_local_id(const CoreReloc& reloc) noexcept;

}  // namespace skep::btf
