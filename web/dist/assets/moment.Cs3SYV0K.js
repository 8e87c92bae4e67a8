const n=()=>({wall:Date.now(),steady:performance.now()}),o=a=>Math.max(Date.now()-a.wall,performance.now()-a.steady),e=a=>a*(.8+Math.random()*.4);export{e as a,n,o as s};
