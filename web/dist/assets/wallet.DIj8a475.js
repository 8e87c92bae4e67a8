import{R as t,u as e,a as l,h as a,s,P as n}from"./home.Y4isaxbU.js";function r(){return l(),e(n,{title:a.wallet,children:e("h1",{children:s(a.wallet)})})}t(e(r,{}),document.getElementById("app"));
