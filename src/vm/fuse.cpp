// Matching is by the ops' codes alone, packed into one number, longest rows first. What find_ready() says of an operand
// that is ready is taken at its word; the one thing that codes do not tell is an op that also reads what it overwrites.
#include "vm/fuse.hpp"

#include <algorithm>
#include <array>

#include "lower/shape.hpp"
#include "vm/step.hpp"

namespace skep::vm {
namespace {

constexpr std::size_t kLongest = 6;

struct Row {
  std::size_t length;
  std::array<Code, kLongest> codes;
};

template <class... Codes>
constexpr Row row(Codes... codes) {
  static_assert(sizeof...(Codes) >= 2 && sizeof...(Codes) <= kLongest);
  return {sizeof...(Codes), {codes...}};
}

constexpr auto kRows = [] {
  using enum Code;
  return std::to_array<Row>({
#define SKEP_SEQUENCE(...) row(__VA_ARGS__),
#include "vm/sequences.inc"
  });
}();

constexpr unsigned kCodeBits = 10;
static_assert(kRows.size() == kSequenceCount);
static_assert(lower::kCodeCount < 1u << kCodeBits && kLongest * kCodeBits <= 64);

/// Different for different sequences: no code stands for itself by 0.
constexpr std::uint64_t key_of(const Code* codes, std::size_t length) {
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < length; ++i) key = key << kCodeBits | (static_cast<std::uint64_t>(codes[i]) + 1);
  return key;
}

struct Entry {
  std::uint64_t key;
  Code code;
};

constexpr auto kEntries = [] {
  std::array<Entry, kRows.size()> entries{};
  for (std::size_t i = 0; i < kRows.size(); ++i)
    entries[i] = {key_of(kRows[i].codes.data(), kRows[i].length), static_cast<Code>(lower::kCodeCount + i)};
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
  return entries;
}();

/// In a sequence the op before this one would leave its result in `last` alone: then this one must overwrite it, and
/// read it nowhere else.
bool may_follow(const Op& op) {
  if (!overwrites_last(op.code)) return true;
  const isa::Operands operands = lower::shape_of(op.code).operands;
  return operands == isa::Operands::load ? op.src == op.dst : operands != isa::Operands::dst_src || op.src != op.dst;
}

/// How many ops from the first may be one sequence.
std::size_t fusible(std::span<const Op> ops) {
  std::size_t count = 0;
  for (const Op& op : ops.first(std::min(ops.size(), kLongest))) {
    if (!is_plain(op.code) || (count != 0 && !may_follow(op))) break;
    ++count;
  }
  return count;
}

Code code_for(std::span<const Op> ops) {
  std::array<Code, kLongest> codes{};
  std::size_t length = fusible(ops);
  for (std::size_t i = 0; i < length; ++i) codes[i] = ops[i].code;
  for (; length >= 2; --length) {
    const std::uint64_t key = key_of(codes.data(), length);
    const auto found = std::lower_bound(kEntries.begin(), kEntries.end(), key,
                                        [](const Entry& entry, std::uint64_t wanted) { return entry.key < wanted; });
    if (found != kEntries.end() && found->key == key) return found->code;
  }
  return ops.front().code;
}

/// Memory ops look at the window of their base register, if they are checked at all.
bool looks_at_window(const Op& op) {
  const lower::Shape& shape = lower::shape_of(op.code);
  return isa::accesses_memory(shape.operands) && shape.check == lower::Check::checked;
}

/// The run may end at this op, otherwise than by its last exit.
bool may_end(const Op& op) {
  using enum Code;
  if (is_plain(op.code) || op.code == exit || op.code == may_goto) return false;
  if (op.code == lookup_array || op.code == lookup_direct || op.code == call_direct) return false;
  if (op.code != call_free) return true;
  return calls_back(*reinterpret_cast<const lower::Binding*>(op.imm));
}

bool is_about_record(const Op& op) {
  return op.code == Code::call_direct && reinterpret_cast<const lower::KnownCall*>(op.imm)->about_record;
}

}  // namespace

void fuse(lower::Image& image) {
  const std::span<const Op> ops = image.ops;
  image.uses_windows = std::any_of(ops.begin(), ops.end(), looks_at_window);
  image.plain_frames = !image.uses_windows &&
                       std::none_of(ops.begin(), ops.end(), [](const Op& op) { return op.code == Code::may_goto; });
  image.fused = image.ops;
  for (std::size_t i = 0; i < ops.size(); ++i) image.fused[i].code = code_for(ops.subspan(i));
  if (image.guarded || std::any_of(ops.begin(), ops.end(), may_end)) return;
  for (Op& op : image.fused)
    if (is_about_record(op)) op.code = kCallRecord;
}

std::span<const std::span<const lower::Code>> sequences() noexcept {
  static constexpr auto kSpans = [] {
    std::array<std::span<const Code>, kRows.size()> spans;
    for (std::size_t i = 0; i < kRows.size(); ++i) spans[i] = std::span(kRows[i].codes).first(kRows[i].length);
    return spans;
  }();
  return kSpans;
}

}  // namespace skep::vm
