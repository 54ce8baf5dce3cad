// CO-RE: what an instruction must hold so that it means on a target what its source meant when it was compiled.
//
// A record asks about a field, type or enumerator of the object's types; the answer is a number found in the target's
// types (a kernel's). Types of the target are found by name without flavour and by kind; when several of them fit, they
// must agree. The rules are libbpf's, because objects rely on them: Documentation/bpf/llvm_reloc.rst, tools/lib/bpf.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
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

/// What relocating asks about: a kernel's types, and those of its modules, which are asked for what the kernel's lack.
struct CoreTarget {
  /// Split BTF on the kernel's types. Called at most once.
  using Modules = std::function<Result<std::vector<std::shared_ptr<const Btf>>>()>;
  const Btf& kernel;
  Modules modules = {};  ///< null where there are none
};

/// A type that a local type may stand for.
struct CoreCandidate {
  const Btf* types = nullptr;  ///< the kernel's, or a module's
  TypeId id = 0;
};

/// Types of a target by kind and name without flavour, of just the names that one object asks about. These few are
/// found in one pass over the target; an index of a kernel's names would take more time and much more memory.
class CoreCandidates {
 public:
  /// Looks for all that the local types `asked` may stand for. `local` and `target` outlive this.
  CoreCandidates(const Btf& local, std::span<const TypeId> asked, const CoreTarget& target);
  /// All types that the type with this id may stand for: the kernel's, ascending, or if there are none the modules'.
  /// Empty for types that were not asked about. The error of loading the modules.
  [[nodiscard]] Result<std::span<const CoreCandidate>> of(const Type& local);

 private:
  struct Key {
    Kind kind;  ///< enum_ for either kind of enum
    std::string_view name;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  static std::optional<Key> key_of(Kind kind, std::string_view name) noexcept;
  void look_in(const Btf& types, bool kernel);
  [[nodiscard]] Result<void> load_modules();

  const CoreTarget& target_;
  std::unordered_map<Key, std::vector<CoreCandidate>, Hash> found_;  ///< by what is wanted
  std::vector<bool> beginnings_;                                     ///< of the wanted names, by a hash
  bool asked_modules_ = false;
  std::vector<std::shared_ptr<const Btf>> modules_;
};

/// Answers the records of one object, in their order: which of several fitting types stay in question depends on what
/// was asked of them before, as in libbpf. Not for concurrent use.
class CoreResolver {
 public:
  /// Answers questions about the local types `asked` only. `local` and `target` outlive it.
  CoreResolver(const Btf& local, std::span<const TypeId> asked, const CoreTarget& target)
      : local_(local), found_(local, asked, target) {}

  /// Errors (where is empty): a record that makes no sense for the local type, candidates that disagree, types that
  /// nest too deep, kMaxCoreSteps used up, modules that cannot be loaded.
  [[nodiscard]] Result<CoreAnswer> resolve(const CoreReloc& reloc);

 private:
  [[nodiscard]] Result<std::vector<CoreCandidate>*> candidates_of(TypeId local, const Type& type);

  const Btf& local_;
  CoreCandidates found_;
  CoreWork work_{kMaxCoreSteps};
  std::unordered_map<TypeId, std::vector<CoreCandidate>> candidates_;  ///< by local type: those still in question
};

/// The answer to CoreKind::type_id_local, which needs no target.
[[nodiscard]] CoreAnswer answer_local_id(const CoreReloc& reloc) noexcept;

}  // namespace skep::btf
