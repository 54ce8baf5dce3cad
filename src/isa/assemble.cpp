// Text to instructions, in one pass over the lines; labels are resolved at the end.
//
// Invariant: what comes out decodes to the form that was written; a value that its field cannot hold is an error, never
// cut.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "isa/grammar.hpp"
#include "isa/spelling.hpp"
#include "isa/table.hpp"
#include "isa/text.hpp"

namespace skep::isa {
namespace {

/// What a slot may hold: -lowest to highest, both as magnitudes.
struct Range {
  std::uint64_t lowest;
  std::uint64_t highest;
};
constexpr Range kImm{std::uint64_t{1} << 31, 0xffffffff};
constexpr Range kImm64{std::uint64_t{1} << 63, ~std::uint64_t{0}};
constexpr Range kOff{0x8000, 0x7fff};
constexpr Range kTargetImm{std::uint64_t{1} << 31, 0x7fffffff};
constexpr Range kAddressSpace{0, 0xffff};

Result<std::uint64_t> number_in(const Token& token, Range range, std::string_view field) {
  if (token.number > (token.negative ? range.lowest : range.highest)) {
    return fail(ErrorCode::malformed, "",
                fmt::format("{} is {}, must be -{:#x} to {:#x}", field, quoted(token), range.lowest, range.highest));
  }
  return token.negative ? 0 - token.number : token.number;
}

/// One instruction in the making.
struct Draft {
  const FormInfo& row;
  Insn insn{};
  std::int32_t upper = 0;                 ///< imm of the second slot
  std::optional<std::string_view> label;  ///< what the target is called
  bool dst_set = false;
  bool src_set = false;
};

Result<void> put_register(bool& set, unsigned seen, unsigned held, const Token& token) {
  if (set && seen != held) {
    return fail(ErrorCode::malformed, "",
                fmt::format("seen {}, needed {}{}: both name one register", quoted(token), token.text[0], held));
  }
  set = true;
  return {};
}

Result<void> put_number(Draft& draft, char letter, const Token& token) {
  const auto put = [&](Range range, std::string_view field, auto store) -> Result<void> {
    const auto value = number_in(token, range, field);
    if (!value) return fail(value.error());
    store(*value);
    return {};
  };
  Insn& insn = draft.insn;
  const auto to_imm = [&](std::uint64_t value) { insn.imm = static_cast<std::int32_t>(value); };
  const auto to_off = [&](std::uint64_t value) { insn.off = static_cast<std::int16_t>(value); };
  switch (letter) {
    case slot::off:
    case slot::off_addend:
    case slot::target_off:
      return put(kOff, "offset", to_off);
    case slot::target_imm:
      return put(kTargetImm, "offset", to_imm);
    case slot::space_to:
      return put(kAddressSpace, "address space",
                 [&](std::uint64_t value) { to_imm(static_cast<std::uint32_t>(insn.imm) | value << 16); });
    case slot::space_from:
      return put(kAddressSpace, "address space",
                 [&](std::uint64_t value) { to_imm(static_cast<std::uint32_t>(insn.imm) | value); });
    case slot::imm64:
    case slot::imm64_unsigned:
      return put(kImm64, "constant", [&](std::uint64_t value) {
        to_imm(value);
        draft.upper = static_cast<std::int32_t>(value >> 32);
      });
    default:
      return put(kImm, "immediate", to_imm);
  }
}

Result<void> put(Draft& draft, const Operand& operand) {
  const Token& token = operand.token;
  const auto number = static_cast<unsigned>(token.number);
  switch (operand.slot) {
    case slot::dst:
    case slot::dst32: {
      auto done = put_register(draft.dst_set, number, draft.insn.dst, token);
      draft.insn.dst = number & 15;
      return done;
    }
    case slot::src:
    case slot::src32: {
      auto done = put_register(draft.src_set, number, draft.insn.src, token);
      draft.insn.src = number & 15;
      return done;
    }
    case slot::r0:
    case slot::r0_32: {
      bool always = true;
      return put_register(always, number, 0, token);
    }
    default:
      break;
  }
  if (token.kind == Token::Kind::word) {
    draft.label = token.text;
    return {};
  }
  return token.kind == Token::Kind::end ? Result<void>{} : put_number(draft, operand.slot, token);
}

Draft start(const FormInfo& row) {
  const auto fixed = [](std::int64_t value) { return value == kAny ? 0 : value; };
  return Draft{row, Insn(row.opcode, 0, static_cast<std::uint8_t>(fixed(row.src)),
                         static_cast<std::int16_t>(fixed(row.off)), static_cast<std::int32_t>(fixed(row.imm)))};
}

class Assembler {
 public:
  Result<std::vector<Insn>> run(std::string_view text) {
    for (std::size_t line = 1; !text.empty(); ++line) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      if (auto done = read_line(text.substr(0, end), line); !done) return at(line, std::move(done).error());
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    for (const Jump& jump : jumps_) {
      if (auto done = resolve(jump); !done) return at(jump.line, std::move(done).error());
    }
    return std::move(insns_);
  }

 private:
  struct Jump {
    std::size_t pc;
    bool in_imm;
    std::string_view label;
    std::size_t line;
  };

  static tl::unexpected<Error> at(std::size_t line, Error error) {
    error.where = fmt::format("line {}", line);
    return fail(std::move(error));
  }

  Result<void> read_line(std::string_view line, std::size_t number) {
    const std::vector<Token> tokens = lex(line);
    std::span<const Token> rest = tokens;
    while (rest.size() > 1 && rest[0].kind == Token::Kind::word && rest[1].text == ":") {
      if (!labels_.emplace(rest[0].text, insns_.size()).second) {
        return fail(ErrorCode::malformed, "", fmt::format("label {} is defined twice", quoted(rest[0])));
      }
      rest = rest.subspan(2);
    }
    if (rest[0].kind == Token::Kind::end) return {};

    auto reading = grammar_.read(rest);
    if (!reading) return fail(std::move(reading).error());
    Draft draft = start(info(reading->form));
    for (const Operand& operand : reading->operands) {
      if (auto done = put(draft, operand); !done) return done;
    }
    return emit(draft, number);
  }

  Result<void> emit(const Draft& draft, std::size_t line) {
    if (auto form = decode(draft.insn); !form) return fail(std::move(form).error());
    if (draft.label) {
      const bool in_imm = draft.row.operands == Operands::jump_imm || draft.row.operands == Operands::call_pc;
      jumps_.push_back({insns_.size(), in_imm, *draft.label, line});
    }
    if (draft.row.operation == Operation::exit_) exits_.push_back(insns_.size());
    insns_.push_back(draft.insn);
    if (draft.row.wide()) insns_.push_back(Insn(0, 0, 0, 0, draft.upper));
    return {};
  }

  /// The pc that `jump` names.
  [[nodiscard]] std::optional<std::size_t> find(const Jump& jump) const {
    if (const auto label = labels_.find(jump.label); label != labels_.end()) return label->second;
    if (jump.label != "exit" || exits_.empty()) return std::nullopt;
    const auto next = std::upper_bound(exits_.begin(), exits_.end(), jump.pc);
    return next != exits_.end() ? *next : exits_.back();
  }

  Result<void> resolve(const Jump& jump) {
    const Token name{Token::Kind::word, jump.label};
    const auto pc = find(jump);
    if (!pc) return fail(ErrorCode::malformed, "", fmt::format("label {} is not defined", quoted(name)));
    const auto distance = static_cast<std::int64_t>(*pc) - static_cast<std::int64_t>(jump.pc) - 1;
    const std::int64_t farthest = jump.in_imm ? INT32_MAX : INT16_MAX;
    if (distance > farthest || distance < -farthest - 1) {
      return fail(ErrorCode::malformed, "",
                  fmt::format("label {} is {} instructions away, must be {} to {}", quoted(name), distance,
                              -farthest - 1, farthest));
    }
    if (jump.in_imm) {
      insns_[jump.pc].imm = static_cast<std::int32_t>(distance);
    } else {
      insns_[jump.pc].off = static_cast<std::int16_t>(distance);
    }
    return {};
  }

  const Grammar grammar_;
  std::vector<Insn> insns_;
  std::vector<Jump> jumps_;
  std::vector<std::size_t> exits_;
  std::unordered_map<std::string_view, std::size_t> labels_;
};

}  // namespace

Result<std::vector<Insn>> assemble(std::string_view text) { return Assembler().run(text); }

}  // namespace skep::isa
