// The log's syntax for states.
#include "verifier/diagnose/kernel_state.hpp"

#include <array>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "btf/btf.hpp"
#include "verifier/diagnose/describe.hpp"

namespace skep::verifier {
namespace {

std::string unsigned_text(std::uint64_t value) {
  return value <= std::numeric_limits<std::uint16_t>::max() ? fmt::format("{}", value) : fmt::format("{:#x}", value);
}

std::string signed_text(std::int64_t value) {
  const bool is_short = value == static_cast<std::int16_t>(value);
  return is_short ? fmt::format("{}", value) : fmt::format("{:#x}", static_cast<std::uint64_t>(value));
}

/// Comma-separated attributes.
class List {
 public:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    if (!text_.empty()) text_ += ',';
    text_ += fmt::format(format, std::forward<Args>(args)...);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

struct Bound {
  std::string_view name;
  std::uint64_t value;
  bool is_signed;
  bool left_out;  ///< says nothing

  [[nodiscard]] bool negative() const { return is_signed && static_cast<std::int64_t>(value) < 0; }
};

/// Equal bounds are written once: "smax=umax=255".
void add_bounds(List& list, const Scalar& num) {
  const auto half = [](std::int32_t value) {
    const bool is_short = value == static_cast<std::int16_t>(value);
    return is_short ? static_cast<std::uint64_t>(std::int64_t{value}) : static_cast<std::uint32_t>(value);
  };
  using Whole = Scalar::Whole;
  using Half = Scalar::Half;
  std::array<Bound, 8> bounds{{
      {"smin", static_cast<std::uint64_t>(num.smin), true, num.smin == Whole::kSignedMin},
      {"smax", static_cast<std::uint64_t>(num.smax), true, num.smax == Whole::kSignedMax},
      {"umin", num.umin, false, num.umin == 0},
      {"umax", num.umax, false, num.umax == Whole::kUnsignedMax},
      {"smin32", half(num.smin_half), true, num.smin_half == Half::kSignedMin},
      {"smax32", half(num.smax_half), true, num.smax_half == Half::kSignedMax},
      {"umin32", num.umin_half, false, num.umin_half == 0},
      {"umax32", num.umax_half, false, num.umax_half == Half::kUnsignedMax},
  }};
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const Bound& bound = bounds[i];
    if (bound.left_out) continue;
    std::string names = fmt::format("{}=", bound.name);
    for (std::size_t j = i + 2; j < bounds.size(); j += 2) {
      Bound& same = bounds[j];
      if (same.left_out || same.value != bound.value || same.negative() != bound.negative()) continue;
      same.left_out = true;
      names += fmt::format("{}=", same.name);
    }
    list.add("{}{}", names,
             bound.is_signed ? signed_text(static_cast<std::int64_t>(bound.value)) : unsigned_text(bound.value));
  }
}

std::string kind_text(const Register& reg, const Input& input) {
  struct Prefix {
    std::uint16_t flag;
    std::string_view text;
  };
  constexpr Prefix kPrefixes[] = {{reg_flag::read_only, "rdonly_"}, {reg_flag::record, "ringbuf_"},
                                  {reg_flag::user, "user_"},        {reg_flag::percpu, "percpu_"},
                                  {reg_flag::rcu, "rcu_"},          {reg_flag::untrusted, "untrusted_"},
                                  {reg_flag::trusted, "trusted_"}};
  std::string text;
  for (const Prefix& prefix : kPrefixes)
    if (reg.is_pointer() && reg.has(prefix.flag)) text += prefix.text;
  text += name_of(reg.kind);
  const bool or_null = reg.is_pointer() && reg.has(reg_flag::maybe_null);
  if (reg.kind != RegKind::btf_object) return text + (or_null ? "_or_null" : "");
  text += or_null ? "or_null_" : "";
  if (input.kernel_types != nullptr && reg.target != 0) text += input.kernel_types->type(reg.target).name;
  return text;
}

bool names_map(RegKind kind) { return kind == RegKind::map || kind == RegKind::map_value || kind == RegKind::map_key; }

/// How far the packet is proven, with Linux' marks for pointers that were compared and found at its end or beyond.
std::uint64_t range_of(const Register& reg) {
  if (reg.has(reg_flag::at_packet_end)) return ~std::uint64_t{0};
  if (reg.has(reg_flag::beyond_packet_end)) return ~std::uint64_t{1};
  return reg.size;
}

std::string attributes(const Register& reg, const Input& input) {
  List list;
  if (reg.id != 0) list.add("id={}", reg.id);
  if (reg.is_scalar() && reg.has(reg_flag::plus_const)) return fmt::format("{}{:+}", list.text(), reg.off);
  if (reg.reference() != 0) list.add("ref_obj_id={}", reg.ref);
  if (names_map(reg.kind)) {
    if (const MapSpec* spec = map_behind(reg, input); spec != nullptr) {
      if (!spec->name.empty()) list.add("map={}", spec->name);
      list.add("ks={},vs={}", spec->key_size, spec->value_size);
    }
  }
  if (!reg.is_scalar() && reg.off != 0) list.add("off={}", signed_text(reg.off));
  if (reg.is_packet()) list.add("r={}", unsigned_text(range_of(reg)));
  if (reg.kind == RegKind::memory) list.add("sz={}", unsigned_text(reg.size));
  return list.text();
}

std::string joined(std::string left, const std::string& right) {
  if (!left.empty() && !right.empty()) left += ',';
  return left + right;
}

char byte_text(StackByte byte) {
  switch (byte) {
    case StackByte::invalid:
      return '?';
    case StackByte::misc:
      return 'm';
    case StackByte::zero:
      return '0';
    case StackByte::spill:
      return 'r';
  }
  return '?';
}

/// The bytes from the highest address down; of a spilled register, only those above it and then what it is.
std::string slot_text(const Slot& slot, unsigned frame, const Input& input) {
  std::string text;
  for (std::size_t i = slot.bytes.size(); i-- > 0 && slot.bytes[i] != StackByte::spill;)
    text += byte_text(slot.bytes[i]);
  return slot.is_spill() ? text + kernel_text(slot.spilled, frame, input) : text;
}

bool is_written(const Slot& slot) {
  for (const StackByte byte : slot.bytes)
    if (byte != StackByte::invalid) return true;
  return false;
}

}  // namespace

std::string kernel_text(const Register& reg, unsigned frame, const Input& input) {
  if (reg.is_constant()) return signed_text(static_cast<std::int64_t>(reg.fixed()));
  std::string kind = kind_text(reg, input);
  if (reg.kind == RegKind::stack) {
    if (reg.frame != frame) kind += fmt::format("[{}]", reg.frame);
    if (reg.is_fixed()) return kind + signed_text(reg.off + static_cast<std::int64_t>(reg.fixed()));
  }
  List varying;
  if (!reg.is_fixed()) {
    Scalar num = reg.num();
    if (reg.is_pointer()) num.sync();  // the lower half's bounds are not kept
    add_bounds(varying, num);
    if (!num.bits.is_unknown()) varying.add("var_off=({:#x}; {:#x})", num.bits.value, num.bits.mask);
  } else if (reg.fixed() != 0) {
    varying.add("imm={}", signed_text(static_cast<std::int64_t>(reg.fixed())));
  }
  return fmt::format("{}({})", kind, joined(attributes(reg, input), varying.text()));
}

std::string kernel_text(const State& state, unsigned frame, const Selection& selection, const Input& input) {
  const Frame& what = *state.frames[frame];
  std::string text = frame == 0 ? "" : fmt::format(" frame{}:", frame);
  for (unsigned i = 0; i < isa::kRegisters; ++i)
    if ((selection.regs >> i & 1) != 0 && what.regs[i].kind != RegKind::uninit)
      text += fmt::format(" R{}={}", i, kernel_text(what.regs[i], frame, input));
  for (unsigned i = 0; i < what.stack.size(); ++i)
    if ((selection.slots >> i & 1) != 0 && is_written(what.stack[i]))
      text += fmt::format(" fp-{}={}", kSlotBytes * (i + 1), slot_text(what.stack[i], frame, input));
  for (std::size_t i = 0; i < state.references.size(); ++i)
    text += fmt::format("{}{}", i == 0 ? " refs=" : ",", state.references[i].id);
  if (what.callback.helper != 0) text += " cb";
  return text;
}

}  // namespace skep::verifier
