// Questions and answers: what each kind of record asks of a path, and what several candidates must agree on.
#include "btf/core.hpp"

#include <optional>

#include <fmt/format.h>

#include "btf/core_path.hpp"

namespace skep::btf {
namespace {

constexpr std::uint32_t kMaxLoadBytes = 8;
constexpr std::uint64_t kStepsARecord = 16;  // what a record costs before anything is compared

/// What one side, the object or the target, says to a question.
struct Reply {
  std::uint64_t value = 0;
  bool missing = false;
  bool certain = true;
  std::uint32_t bytes = 0;  ///< of a field that could be loaded as one
  TypeId type = 0;          ///< of that field, stripped
};

tl::unexpected<Error> malformed(std::string what) { return fail(ErrorCode::malformed, "", std::move(what)); }

/// Where to load a bit field, and with how many bytes, so that all its bits come along.
struct BitFieldLoad {
  std::uint32_t byte_offset;
  std::uint32_t bytes;
};
Result<BitFieldLoad> load_of_bit_field(std::uint32_t bit_offset, std::uint32_t bits, std::uint32_t type_bytes) {
  std::uint32_t bytes = type_bytes;
  for (;; bytes *= 2) {
    const std::uint32_t start = bit_offset / 8 / bytes * bytes;
    if (std::uint64_t{bit_offset} + bits <= (std::uint64_t{start} + bytes) * 8) return BitFieldLoad{start, bytes};
    if (bytes >= kMaxLoadBytes)
      return malformed(fmt::format("a bit field of {} bits at bit {} needs more than one load", bits, bit_offset));
  }
}

Result<Reply> ask_element(const Btf& btf, CoreKind kind, const CorePath& path) {
  const TypeId type = path.steps.back().type;
  const bool about_place = kind == CoreKind::field_byte_offset;
  if (!about_place && kind != CoreKind::field_byte_size)
    return malformed("only place and size can be asked of an array's element");
  const auto bytes = btf.size_of(type);
  if (!bytes) return malformed(fmt::format("type {} has no size", type));
  if (about_place) return Reply{.value = path.bit_offset / 8, .bytes = *bytes, .type = type};
  return Reply{.value = *bytes};
}

Result<Reply> ask_field(const Btf& btf, CoreKind kind, const CorePath& path) {
  const CoreStep& last = path.steps.back();
  if (last.name.empty()) return ask_element(btf, kind, path);
  const Member& member = btf.members(btf.type(last.type))[last.index];
  const TypeId id = btf.strip(member.type);
  const Type& type = btf.type(id);
  const bool bit_field = member.bit_size > 0;
  std::uint32_t bits = member.bit_size;
  BitFieldLoad load{};
  if (bit_field) {
    const auto found = load_of_bit_field(path.bit_offset, bits, type.size);
    if (!found) return fail(found.error());
    load = *found;
  } else {
    const auto bytes = btf.size_of(id);
    if (!bytes) return malformed(fmt::format("field {} has no size", last.name.substr(0, 64)));
    load = {path.bit_offset / 8, *bytes};
    bits = *bytes * 8;
  }
  Reply reply{.certain = !bit_field};
  switch (kind) {
    case CoreKind::field_byte_offset:
      reply.value = load.byte_offset;
      if (!bit_field) {
        reply.bytes = load.bytes;
        reply.type = id;
      }
      return reply;
    case CoreKind::field_byte_size:
      reply.value = load.bytes;
      return reply;
    case CoreKind::field_signed:
      reply.value = (is_enum(type.kind) && type.kind_flag) || (type.kind == Kind::int_ && (type.int_encoding & 1) != 0);
      reply.certain = true;
      return reply;
    case CoreKind::field_lshift_u64:  // both shifts are 32-bit sums in Linux, and wrap for fields wider than a register
      reply.value = std::uint32_t{64} - (path.bit_offset + bits - load.byte_offset * 8);
      return reply;
    case CoreKind::field_rshift_u64:
      reply.value = std::uint32_t{64} - bits;
      reply.certain = true;
      return reply;
    case CoreKind::field_exists:
    case CoreKind::type_id_local:
    case CoreKind::type_id_target:
    case CoreKind::type_exists:
    case CoreKind::type_size:
    case CoreKind::enumval_exists:
    case CoreKind::enumval_value:
    case CoreKind::type_matches:
      break;
  }
  return reply;  // ask() sends none of these here
}

/// What `btf` says of a path; null for a target that does not have it.
Result<Reply> ask(const Btf& btf, CoreKind kind, const CorePath* path) {
  switch (kind) {
    case CoreKind::field_byte_offset:
    case CoreKind::field_byte_size:
    case CoreKind::field_signed:
    case CoreKind::field_lshift_u64:
    case CoreKind::field_rshift_u64:
      if (path == nullptr) return Reply{.missing = true};
      return ask_field(btf, kind, *path);
    case CoreKind::enumval_value:
      if (path == nullptr) return Reply{.missing = true};
      return Reply{.value = btf.enumerators(btf.type(path->steps[0].type))[path->steps[0].index].value};
    case CoreKind::field_exists:
    case CoreKind::enumval_exists:
    case CoreKind::type_exists:
    case CoreKind::type_matches:
      return Reply{.value = path != nullptr};
    case CoreKind::type_id_local:
    case CoreKind::type_id_target:  // linkers renumber types, so the instruction may hold any number
      return Reply{.value = path == nullptr ? 0 : path->root, .certain = false};
    case CoreKind::type_size: {
      if (path == nullptr) return Reply{};
      const auto bytes = btf.size_of(path->root);
      if (!bytes) return malformed(fmt::format("type {} has no size", path->root));
      return Reply{.value = *bytes};
    }
  }
  return malformed("no such question");
}

/// A load may take more or fewer bytes only where the value stays what it is: pointers and unsigned integers.
bool may_resize(const Type& local, const Type& target) {
  if (local.kind == Kind::ptr && target.kind == Kind::ptr) return true;
  constexpr std::uint8_t kSigned = 1;
  return local.kind == Kind::int_ && target.kind == Kind::int_ && local.int_encoding != kSigned &&
         target.int_encoding != kSigned;
}

Result<CoreAnswer> answer(const Btf& local, const Btf& target, CoreKind kind, const CorePath& here,
                          const CorePath* there) {
  const auto ours = ask(local, kind, &here);
  if (!ours) return fail(ours.error());
  const auto theirs = ask(target, kind, there);
  if (!theirs) return fail(theirs.error());
  CoreAnswer answer{
      .local = ours->value, .target = theirs->value, .missing = theirs->missing, .certain = ours->certain};
  answer.local_bytes = ours->bytes;
  answer.target_bytes = theirs->bytes;
  if (ours->bytes != theirs->bytes && !theirs->missing)
    answer.resizable = may_resize(local.type(ours->type), target.type(theirs->type));
  return answer;
}

/// The answer of a target that has nothing of the kind: which types it is made of does not matter.
Result<CoreAnswer> answer_missing(const Btf& local, CoreKind kind, const CorePath& here) {
  return answer(local, local, kind, here, nullptr);
}

tl::unexpected<Error> too_much_work() {
  return fail(ErrorCode::limit, "", fmt::format("the object's questions take more than {} steps", kMaxCoreSteps));
}

/// The error of a comparison that came to no answer.
tl::unexpected<Error> undecided(Match match) {
  if (match == Match::too_much_work) return too_much_work();
  if (match == Match::too_deep) return fail(ErrorCode::limit, "", "types nest too deep to be compared");
  return malformed("a type on the way through the target has no size");
}

}  // namespace

CoreAnswer answer_local_id(const CoreReloc& reloc) noexcept {
  return {.local = reloc.type, .target = reloc.type, .certain = false};
}

Result<CoreAnswer> CoreResolver::resolve(const CoreReloc& reloc) {
  if (!work_.spend(kStepsARecord + reloc.access.size())) return too_much_work();
  const auto path = parse_path(local_, reloc);
  if (!path) return fail(path.error());
  const auto kind = static_cast<CoreKind>(reloc.kind);
  if (kind == CoreKind::type_id_local) return answer_local_id(reloc);
  const Type& type = local_.type(reloc.type);
  if (type.name.empty()) return malformed("a type without a name cannot be looked for");

  const auto in_question = candidates_of(reloc.type, type);
  if (!in_question) return fail(in_question.error());
  std::vector<CoreCandidate>& candidates = **in_question;
  std::vector<CoreCandidate> fitting;
  std::optional<CoreAnswer> agreed;
  std::uint32_t agreed_offset = 0;
  for (const CoreCandidate& candidate : candidates) {
    const CoreComparison compare(local_, *candidate.types, work_);
    CorePath found;
    const Match match = find_path(compare, kind, *path, candidate.id, found);
    if (match == Match::no) continue;
    if (match != Match::yes) return undecided(match);
    const auto next = answer(local_, *candidate.types, kind, *path, &found);
    if (!next) return next;
    if (agreed && (found.bit_offset != agreed_offset || next->target != agreed->target))
      return malformed(
          fmt::format("ambiguous: type {} of the target has it at bit {} (answer {}), type {} at bit {} (answer {})",
                      fitting.front().id, agreed_offset, agreed->target, candidate.id, found.bit_offset, next->target));
    if (!agreed) {
      agreed = *next;
      agreed_offset = found.bit_offset;
    }
    fitting.push_back(candidate);
  }
  if (!agreed) return answer_missing(local_, kind, *path);
  candidates = std::move(fitting);
  return *agreed;
}

Result<std::vector<CoreCandidate>*> CoreResolver::candidates_of(TypeId local, const Type& type) {
  const auto [entry, is_new] = candidates_.try_emplace(local);
  if (!is_new) return &entry->second;
  const auto all = found_.of(type);
  if (!all) return fail(all.error());
  if (!work_.spend(all->size())) return too_much_work();
  entry->second.assign(all->begin(), all->end());
  return &entry->second;
}

}  // namespace skep::btf
