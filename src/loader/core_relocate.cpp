// Which field of an instruction takes an answer, and when the instruction may take it, after libbpf.
#include "loader/core_relocate.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "btf/core.hpp"
#include "loader/relocate.hpp"
#include "program/program.hpp"

namespace skep::loader {
namespace {

using btf::CoreAnswer;

constexpr std::size_t kMaxMarkBytes = 16u << 20;

// Parts of an opcode.
constexpr std::uint8_t kClassMask = 0x07, kSourceMask = 0x08, kSizeMask = 0x18;
constexpr std::uint8_t kLd = 0, kLdx = 1, kSt = 2, kStx = 3, kAlu32 = 4, kJump = 5, kJump32 = 6, kAlu64 = 7;
constexpr std::array<std::uint8_t, 4> kBytesBySize = {4, 2, 1, 8};  // by the two bits of kSizeMask

tl::unexpected<Error> refused(std::string what) { return fail(ErrorCode::malformed, "", std::move(what)); }

/// One instruction, its second slot when it has one, and what relocation makes of them.
struct Patch {
  std::span<Insn> insn;
  const CoreAnswer& answer;
  bool poisoned = false;
  std::string reason;  ///< why it was poisoned, where that is not plain

  Result<void> poison() {
    for (Insn& slot : insn) slot = Insn(kCall, 0, 0, 0, program::kPoisonHelper);
    poisoned = true;
    return {};
  }
  [[nodiscard]] Result<void> expect(std::uint64_t held) const {
    if (!answer.certain || held == answer.local) return {};
    return refused(fmt::format("the instruction holds {}, the object's types say {}", static_cast<std::int64_t>(held),
                               static_cast<std::int64_t>(answer.local)));
  }

  [[nodiscard]] Result<void> immediate() {
    if (answer.missing) return poison();
    if (auto ok = expect(static_cast<std::uint64_t>(std::int64_t{insn[0].imm})); !ok) return ok;
    insn[0].imm = static_cast<std::int32_t>(answer.target);
    return {};
  }

  [[nodiscard]] Result<void> wide_immediate() {
    if (insn[0].src != 0 || insn[0].off != 0 || Insn(0, 0, 0, 0, insn[1].imm) != insn[1])
      return refused("a 64-bit load that loads no plain number");
    if (answer.missing) return poison();
    const auto low = static_cast<std::uint32_t>(insn[0].imm), high = static_cast<std::uint32_t>(insn[1].imm);
    if (auto ok = expect(std::uint64_t{high} << 32 | low); !ok) return ok;
    insn[0].imm = static_cast<std::int32_t>(answer.target);
    insn[1].imm = static_cast<std::int32_t>(answer.target >> 32);
    return {};
  }

  [[nodiscard]] Result<void> memory() {
    if (answer.missing) return poison();
    if (auto ok = expect(static_cast<std::uint64_t>(std::int64_t{insn[0].off})); !ok) return ok;
    if (answer.target > static_cast<std::uint64_t>(std::numeric_limits<std::int16_t>::max()))
      return refused(fmt::format("the field lies at byte {}, a load or store reaches 32767", answer.target));
    if (!answer.resizable) {
      reason = fmt::format("{} bytes here, {} in the target, and neither pointers nor unsigned integers",
                           answer.local_bytes, answer.target_bytes);
      return poison();
    }
    insn[0].off = static_cast<std::int16_t>(answer.target);
    return answer.local_bytes == answer.target_bytes ? Result<void>{} : resize();
  }

  [[nodiscard]] Result<void> resize() {
    const unsigned size = insn[0].opcode >> 3 & 3;
    if (kBytesBySize[size] != answer.local_bytes)
      return refused(
          fmt::format("a load or store of {} bytes, the field has {}", kBytesBySize[size], answer.local_bytes));
    const auto fitting = std::find(kBytesBySize.begin(), kBytesBySize.end(), answer.target_bytes);
    if (fitting == kBytesBySize.end())
      return refused(fmt::format("the target's field has {} bytes, no load or store takes them", answer.target_bytes));
    const auto bits = static_cast<unsigned>(fitting - kBytesBySize.begin()) << 3;
    insn[0].opcode = static_cast<std::uint8_t>((insn[0].opcode & ~kSizeMask) | bits);
    return {};
  }

  [[nodiscard]] Result<void> apply() {
    const std::uint8_t opcode = insn[0].opcode;
    switch (opcode & kClassMask) {
      case kAlu32:
      case kAlu64:
        if ((opcode & kSourceMask) == 0) return immediate();
        break;
      case kLdx:
      case kSt:
      case kStx:
        return memory();
      case kLd:
        if (opcode == kLddw) return wide_immediate();
        break;
      case kJump:
      case kJump32:
        break;
    }
    return refused(fmt::format("opcode {:#04x} has no place for an answer", opcode));
  }
};

/// The types that records ask a target about. Most ask about the one that the record before asked about.
std::vector<btf::TypeId> asked_types(const Source& source) {
  std::vector<btf::TypeId> asked;
  for (const btf::CoreReloc& reloc : source.ext.relocs) {
    if (reloc.kind == static_cast<std::uint32_t>(btf::CoreKind::type_id_local)) continue;
    if (asked.empty() || asked.back() != reloc.type) asked.push_back(reloc.type);
  }
  return asked;
}

/// The pass over all records.
class Relocation {
 public:
  Relocation(const Source& source, const btf::CoreTarget* target, Code& code) : source_(source), code_(code) {
    marks_.by_section.resize(code.sections.size());
    marks_.instructions.resize(code.sections.size());
    for (std::uint32_t i = 0; i < code.sections.size(); ++i) sections_.try_emplace(code.sections[i].name, i);
    if (target != nullptr && source.btf != nullptr) resolver_.emplace(*source.btf, asked_types(source), *target);
  }

  Result<CoreMarks> run() {
    for (const btf::CoreReloc& reloc : source_.ext.relocs) {
      const auto section = sections_.find(reloc.section);
      if (section == sections_.end()) continue;
      // Linkers leave records of functions they have dropped, which then belong to no function.
      const std::uint32_t slot = reloc.insn_bytes / sizeof(Insn);
      const Function* function = code_.function_with(code_.sections[section->second], slot);
      if (function == nullptr) continue;
      if (auto done = relocate(reloc, section->second, slot, *function); !done) return fail(std::move(done).error());
    }
    for (auto& marks : marks_.by_section)
      std::sort(marks.begin(), marks.end(), [](const CoreMark& a, const CoreMark& b) {
        return a.slot != b.slot ? a.slot < b.slot : a.what < b.what;
      });
    return std::move(marks_);
  }

 private:
  Result<void> relocate(const btf::CoreReloc& reloc, std::uint32_t section, std::uint32_t slot,
                        const Function& function) {
    const bool about_itself = reloc.kind == static_cast<std::uint32_t>(btf::CoreKind::type_id_local);
    if (!resolver_ && !about_itself) return mark(section, slot, false, reloc, "");
    const auto answer = about_itself ? btf::answer_local_id(reloc) : resolver_->resolve(reloc);
    if (!answer) return mark(section, slot, false, reloc, answer.error().what);

    const std::span<Insn> all = instructions_of(section);
    const bool wide = all[slot].opcode == kLddw;
    if (wide && slot + 1 >= function.start + function.count)
      return mark(section, slot, false, reloc, "a 64-bit load is cut off");
    Patch patch{.insn = all.subspan(slot, wide ? 2 : 1), .answer = *answer, .reason = {}};
    if (auto done = patch.apply(); !done) return mark(section, slot, false, reloc, done.error().what);
    if (!patch.poisoned) return {};
    for (std::uint32_t i = 0; i < patch.insn.size(); ++i)
      if (auto done = mark(section, slot + i, true, reloc, patch.reason); !done) return done;
    return {};
  }

  /// A section's instructions to be changed, copied from the file when the first is.
  std::span<Insn> instructions_of(std::uint32_t section) {
    CodeSection& code = code_.sections[section];
    std::vector<std::byte>& bytes = marks_.instructions[section];
    if (bytes.empty()) {
      bytes.assign(code.data.begin(), code.data.end());
      code.data = bytes;
    }
    return {reinterpret_cast<Insn*>(bytes.data()), bytes.size() / sizeof(Insn)};
  }

  Result<void> mark(std::uint32_t section, std::uint32_t slot, bool poisoned, const btf::CoreReloc& reloc,
                    std::string_view reason) {
    std::string what = name_of_core_relocation(*source_.btf, reloc);
    if (!reason.empty()) what += fmt::format(": {}", reason);
    mark_bytes_ += sizeof(CoreMark) + what.size();
    if (mark_bytes_ > kMaxMarkBytes)
      return fail(ErrorCode::limit, in_section(code_.sections[section].name),
                  fmt::format("unresolved CO-RE relocations take more than {} MiB of text", kMaxMarkBytes >> 20));
    marks_.by_section[section].push_back({slot, poisoned, std::move(what)});
    return {};
  }

  const Source& source_;
  Code& code_;
  std::optional<btf::CoreResolver> resolver_;
  std::unordered_map<std::string_view, std::uint32_t> sections_;  // the first of each name
  std::size_t mark_bytes_ = 0;
  CoreMarks marks_;
};

}  // namespace

Result<CoreMarks> relocate_core(const Source& source, const btf::Btf* target, Code& code,
                                btf::CoreTarget::Modules modules) {
  if (target == nullptr) return Relocation(source, nullptr, code).run();
  const btf::CoreTarget types{.kernel = *target, .modules = std::move(modules)};
  return Relocation(source, &types, code).run();
}

std::span<const CoreMark> marks_in(const std::vector<CoreMark>& marks, std::uint32_t first, std::uint32_t count) {
  const auto before = [](const CoreMark& mark, std::uint64_t slot) { return mark.slot < slot; };
  const auto begin = std::lower_bound(marks.begin(), marks.end(), std::uint64_t{first}, before);
  return {begin, std::lower_bound(begin, marks.end(), std::uint64_t{first} + count, before)};
}

}  // namespace skep::loader
