// The table itself: rows that contradict each other or the layout of an opcode.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "isa/spelling.hpp"
#include "isa/table.hpp"

namespace skep::isa {

TEST_CASE("a form is the index of its row, and names are unique") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < forms().size(); ++i) {
    CHECK(static_cast<std::size_t>(forms()[i].form) == i);
    CHECK(&info(forms()[i].form) == &forms()[i]);
    CHECK(names.insert(name(forms()[i].form)).second);
  }
  CHECK(forms().size() == kFormCount);
  CHECK(name(Form::add64_imm) == "add64_imm");
}

TEST_CASE("width follows from the opcode") {
  const auto width = [](Form form) { return info(form).width(); };
  CHECK(width(Form::add64_imm) == 64);
  CHECK(width(Form::add32_reg) == 32);
  CHECK(width(Form::jeq64_imm) == 64);
  CHECK(width(Form::jeq32_imm) == 32);
  CHECK(width(Form::ldx_b) == 8);
  CHECK(width(Form::ldxs_h) == 16);
  CHECK(width(Form::st_w) == 32);
  CHECK(width(Form::stx_dw) == 64);
  CHECK(width(Form::atomic_cmpxchg32) == 32);
  CHECK(width(Form::load_acquire_b) == 8);
  CHECK(width(Form::ld_abs_h) == 16);
  CHECK(width(Form::lddw_imm) == 64);
}

TEST_CASE("what an instruction reads and writes are operands that it has") {
  using namespace regs;
  for (const FormInfo& row : forms()) {
    CAPTURE(name(row.form));
    if (((row.reads | row.writes) & D) != 0) CHECK(row.has_dst());
    if (((row.reads | row.writes) & S) != 0) CHECK(row.src == kAny);
    if (row.src == kAny) CHECK((row.reads & S) != 0);
    if (row.has_dst()) CHECK(((row.reads | row.writes) & D) != 0);
    const bool is_call = row.operation == Operation::call_;
    CHECK(((row.writes & R05) != 0) == (is_call || row.group == Group::packet));
    CHECK(((row.reads & R15) != 0) == is_call);
  }
}

TEST_CASE("no text is written for two forms") {
  for (const FormInfo& a : forms()) {
    for (const std::string& text : readable_patterns(a)) {
      for (const FormInfo& b : forms()) {
        if (a.form == b.form) continue;
        for (const std::string& other : readable_patterns(b)) {
          CAPTURE(name(a.form));
          CAPTURE(name(b.form));
          CHECK(text != other);
        }
      }
    }
  }
}

}  // namespace skep::isa
