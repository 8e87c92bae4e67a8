package com.example.bank;

import io.github.showcard.sdk.Answer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.springframework.stereotype.Component;

/** Accounts, and what was filed when they were opened. A real bank keeps the receipt apart from values and salts. */
@Component
class AccountBook {
  private record Account(String name, String number, Answer answer) {}

  private final Map<String, Account> accounts = new ConcurrentHashMap<>();
  private final AtomicLong next = new AtomicLong(6222_0000_0001L);

  String open(String name, String number, Answer answer) {
    String account = Long.toString(next.getAndIncrement());
    accounts.put(account, new Account(name, number, answer));
    return account;
  }

  Answer answer(String account) {
    Account a = accounts.get(account);
    return a == null ? null : a.answer();
  }
}
